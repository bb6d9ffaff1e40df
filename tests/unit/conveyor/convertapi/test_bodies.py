"""Bodies as they come: an answer whole and bounded, a file piece by piece."""

from __future__ import annotations

import gzip
import io

import pytest
import requests
import urllib3

from conveyor.convertapi import bodies
from conveyor.convertapi.bodies import begin_file, read_answer
from conveyor.convertapi.deadline import Deadline
from conveyor.convertapi.errors import Unclear
from conveyor.convertapi.exchange import Exchange

RESULT = b'{"ConversionCost": 1, "Files": []}'
MIB = 1024 * 1024


@pytest.fixture
def exchange():
    with Exchange(Deadline.after(3600, "SETTING"), 5.0) as made:
        made.sent()
        yield made


class _Cut(io.BytesIO):
    """Ends by a lost connection."""

    def read(self, size=-1):
        piece = super().read(size)
        if not piece:
            raise ConnectionResetError
        return piece

    read1 = read


def _response(status, body=b"", *, stream=io.BytesIO, framed=True, **headers):
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if framed:
        fields = {"Content-Length": str(len(body)), **fields}
    # `requests` has it so for answers through a proxy.
    options = {"preload_content": False, "decode_content": False}
    raw = urllib3.HTTPResponse(stream(body), fields, status, **options)
    response = requests.Response()
    response.status_code, response.headers, response.raw = status, raw.headers, raw
    return response


def test_answer_is_read_whole_with_what_its_head_says(exchange):
    response = _response(503, b"words", Content_Type="Text/Plain; charset=x", Retry_After="7")
    answer = read_answer(response, exchange)

    assert (answer.status, answer.content_type, answer.body) == (503, "text/plain", b"words")
    assert answer.retry_after_s == 7.0


def test_compressed_answer_is_read_as_it_was_before(exchange):
    response = _response(200, gzip.compress(RESULT), Content_Encoding="gzip")

    assert read_answer(response, exchange).body == RESULT


@pytest.mark.parametrize(
    ("status", "body", "is_paid"),
    [(200, RESULT[:25], True), (200, b"{", False), (202, RESULT[:25], False), (500, b"x", False)],
    ids=str,
)
def test_cut_answer_is_unclear_and_paid_where_a_200_speaks_of_a_result(
    exchange, status, body, is_paid
):
    response = _response(status, body, stream=_Cut, Content_Length="1000")
    with pytest.raises(Unclear) as raised:
        read_answer(response, exchange)

    assert raised.value.paid is is_paid


class _Endless(io.BytesIO):
    """Mebibytes without an end."""

    piece = bytes(MIB)
    pieces = 0

    def read(self, _size=-1):
        self.pieces += 1
        return self.piece

    read1 = read


def test_answer_of_more_than_64_mib_is_not_read_on(exchange):
    response = _response(500, stream=_Endless, framed=False)
    with pytest.raises(Unclear, match="larger than any answer"):
        read_answer(response, exchange)

    assert response.raw._fp.pieces == 65


def test_answer_of_the_largest_size_is_read(exchange, monkeypatch):
    monkeypatch.setattr(bodies, "_MAX_ANSWER_BYTES", 10)

    assert read_answer(_response(200, b"x" * 10), exchange).body == b"x" * 10


def test_answer_above_the_largest_size_is_unclear(exchange, monkeypatch):
    monkeypatch.setattr(bodies, "_MAX_ANSWER_BYTES", 10)
    with pytest.raises(Unclear, match="larger than any answer"):
        read_answer(_response(200, b"x" * 11), exchange)


class _Open(io.BytesIO):
    """A connection that is kept: after the body nothing comes, and nothing ends it."""

    def read(self, size=-1):
        piece = super().read(size)
        assert piece, "this read would wait for ever"
        return piece

    read1 = read


def test_body_of_a_known_length_is_whole_without_waiting_for_its_end(exchange):
    assert read_answer(_response(200, RESULT, stream=_Open), exchange).body == RESULT


def test_file_comes_by_the_mebibyte_as_it_is(exchange):
    file = begin_file(_response(200, b"x" * (MIB + 1)), 0, exchange)

    assert [len(chunk) for chunk in file.chunks] == [MIB, 1]


def test_file_that_breaks_off_is_unclear(exchange):
    file = begin_file(_response(200, b"x", stream=_Cut, Content_Length="9"), 0, exchange)
    with pytest.raises(Unclear):
        list(file.chunks)


def _head(download):
    return (
        download.start,
        download.size,
        download.tag,
        download.is_plain,
        download.is_framed,
    )


@pytest.mark.parametrize(
    ("options", "head"),
    [
        ({}, (0, 5, "", True, True)),
        ({"Content_Length": "much"}, (0, None, "", True, True)),
        ({"Content_Length": str(10**20)}, (0, 2**53, "", True, True)),
        ({"framed": False}, (0, None, "", True, False)),
        ({"framed": False, "Transfer_Encoding": "chunked"}, (0, None, "", True, True)),
        ({"ETag": ' "v1" '}, (0, 5, '"v1"', True, True)),
        ({"ETag": 'W/"v1"'}, (0, 5, "", True, True)),
        ({"ETag": "v1"}, (0, 5, "", True, True)),
        ({"Content_Encoding": "gzip"}, (0, None, "", False, True)),
        ({"Content_Encoding": " Identity "}, (0, 5, "", True, True)),
    ],
    ids=str,
)
def test_whole_file_is_described_by_its_head(exchange, options, head):
    assert _head(begin_file(_response(200, b"words", **options), 0, exchange)) == head


@pytest.mark.parametrize(
    ("told", "size"),
    [
        ("bytes 5-9/10", 10),
        (" Bytes 5-9/10", 10),
        ("bytes 5-9/*", None),
        ("bytes  5-9/*", None),
    ],
)
def test_part_that_was_asked_for_is_described_by_its_range(exchange, told, size):
    file = begin_file(_response(206, b"words", Content_Range=told), 5, exchange)

    assert _head(file) == (5, size, "", True, True)
    assert b"".join(file.chunks) == b"words"


@pytest.mark.parametrize(
    ("start", "told"),
    [(5, "bytes 4-9/10"), (5, "bytes 6-9/10"), (5, ""), (5, "5-9/10"), (0, "bytes 0-9/10")],
)
def test_part_that_was_not_asked_for_is_refused(exchange, start, told):
    with pytest.raises(Unclear, match="another part of the file"):
        begin_file(_response(206, b"words", Content_Range=told), start, exchange)


def test_whole_file_in_place_of_a_part_begins_at_its_beginning(exchange):
    assert begin_file(_response(200, b"words"), 5, exchange).start == 0


@pytest.mark.parametrize("status", [201, 202, 204, 404, 416, 503])
def test_any_other_answer_is_no_file(exchange, status):
    assert begin_file(_response(status), 0, exchange) is None
