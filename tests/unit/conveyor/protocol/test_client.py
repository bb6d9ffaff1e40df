"""How answers are read; the protocol's tables again, this time from the wire."""

from __future__ import annotations

import base64
import json

import pytest

from conveyor.conversion import StoredFile
from conveyor.errors import StorageError
from conveyor.protocol import RemoteFile, Result
from conveyor.protocol.client import _read_poll, _read_start
from conveyor.protocol.outcomes import (
    Busy,
    Failed,
    Finished,
    InProgress,
    Lost,
    NotFound,
    Started,
    Throttled,
)
from conveyor.protocol.transport import Answer

HTML = b"<html><h1>502 Bad Gateway</h1></html>"
URL = "https://v2.convertapi.com/d/x"


@pytest.fixture
def kept():
    """What was kept, and a keeper."""
    return {}


@pytest.fixture
def keep(kept):
    def keeper(name, chunks):
        kept[name] = b"".join(chunks)
        return StoredFile(name, f"memory://{name}", len(kept[name]), "00")

    return keeper


def _json(status, body):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, "application/json", "", text)


def _file(**fields):
    return {"FileName": "a.pdf", "FileExt": "pdf", "FileSize": 3, "Url": URL, **fields}


def _result(*files, **fields):
    return _json(200, {"ConversionCost": 2, "Files": list(files) or [_file()], **fields})


ERROR = {"Code": 5001, "Message": "Conversion failed."}
FINISHED = Finished(Result(2, (RemoteFile("a.pdf", URL, 3),)))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(_json(200, {"JobId": "j"}), Started("j"), id="200 JobId"),
        pytest.param(_result(), FINISHED, id="200 Files"),
        pytest.param(
            _result(JobId="j"),
            Finished(Result(2, (RemoteFile("a.pdf", URL, 3),), {"JobId": "j"})),
            id="200 Files and JobId",
        ),
        pytest.param(_json(503, ERROR), Throttled(), id="503"),
        pytest.param(Answer(503, "text/html", "", HTML), Throttled(), id="503 HTML"),
        pytest.param(_json(404, {"Code": 0, "Message": "No."}), NotFound("No."), id="404"),
        pytest.param(Answer(404, "text/html", "", HTML), NotFound(""), id="404 HTML"),
        pytest.param(_json(400, ERROR), Failed(400, 5001, "Conversion failed."), id="400"),
        pytest.param(_json(500, ERROR), Failed(500, 5001, "Conversion failed."), id="500"),
        pytest.param(_json(401, {"Code": 4013}), Failed(401, 4013, ""), id="401 without a word"),
    ],
)
def test_a_submits_answer(answer, outcome, keep):
    assert _read_start(answer, keep) == outcome


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(_result(), FINISHED, id="200"),
        pytest.param(Answer(202, "", "", b""), InProgress(), id="202 blank"),
        pytest.param(_json(202, {"JobId": "j"}), InProgress(), id="202"),
        pytest.param(_json(404, ERROR), NotFound(), id="404"),
        pytest.param(Answer(404, "", "", b"gone"), NotFound(), id="404 text"),
        pytest.param(Answer(503, "", "", b""), Busy(), id="503"),
        pytest.param(_json(503, ERROR), Busy(), id="503 with an error"),
        pytest.param(_json(500, ERROR), Failed(500, 5001, "Conversion failed."), id="500"),
        pytest.param(_json(504, ERROR), Failed(504, 5001, "Conversion failed."), id="504"),
    ],
)
def test_a_polls_answer(answer, outcome, keep):
    assert _read_poll(answer, keep) == outcome


NOT_WHOLE = [
    pytest.param(_json(200, b'{"ConversionCost": 1, "Fi'), id="cut JSON"),
    pytest.param(_json(200, b""), id="empty"),
    pytest.param(Answer(200, "", "", b""), id="empty, of no type"),
    pytest.param(_json(200, b"[]"), id="a list"),
    pytest.param(_json(200, b"\xff\xfe"), id="no text"),
    pytest.param(_json(200, {}), id="neither JobId nor Files"),
    pytest.param(_json(200, {"JobId": ""}), id="an empty JobId"),
    pytest.param(_json(200, {"Files": []}), id="no files"),
    pytest.param(_json(200, {"Files": None}), id="files null"),
    pytest.param(_json(200, {"Files": ["a.pdf"]}), id="files as names"),
    pytest.param(_json(200, {"Files": [None]}), id="a file null"),
    pytest.param(_json(200, {"Files": [{}]}), id="a file without content"),
    pytest.param(_result(_file(FileSize="much")), id="a size in words"),
    pytest.param(
        _json(200, b'{"Files": [{"Url": "https://x/", "FileSize": 1e999}]}'), id="endless"
    ),
    pytest.param(_result({"FileName": "a", "FileData": "no base64"}), id="data cut"),
    pytest.param(_result({"FileName": "a", "FileData": 7}), id="data a number"),
    pytest.param(Answer(502, "text/html", "", HTML), id="a proxy's 502"),
    pytest.param(_json(504, {"message": "Endpoint request timed out"}), id="a proxy's JSON"),
    pytest.param(Answer(403, "text/html", "", HTML), id="a firewall's 403"),
    pytest.param(Answer(301, "text/html", "", b""), id="a redirect"),
]


@pytest.mark.parametrize("read", [_read_start, _read_poll], ids=["submit", "poll"])
@pytest.mark.parametrize("answer", NOT_WHOLE)
def test_what_is_no_whole_answer_of_the_service_is_lost(read, answer, keep):
    """Not failed: the job may be fine."""
    outcome = read(answer, keep)

    assert isinstance(outcome, Lost)
    assert outcome.reason
    assert "http" not in outcome.reason
    assert outcome.status in (0, answer.status)


@pytest.mark.parametrize("cost", [b"1e999", b'"free"', b"null", b"[]"])
def test_a_cost_in_no_known_form_spoils_no_result(cost, keep):
    body = b'{"ConversionCost": %s, "Files": [{"FileName": "a", "Url": "https://x/"}]}' % cost
    outcome = _read_poll(_json(200, body), keep)

    assert isinstance(outcome, Finished)
    assert outcome.result.cost == 0


@pytest.mark.parametrize(
    ("fields", "cost"),
    [({"ConversionCost": 3}, 3), ({"ConversionTime": 4}, 4), ({"ConversionCost": "5"}, 5), ({}, 1)],
    ids=str,
)
def test_the_cost_has_had_two_names(fields, cost, keep):
    outcome = _read_poll(_json(200, {"Files": [_file()], **fields}), keep)

    assert outcome.result.cost == cost


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "a.pdf"),
        ({"FileName": "a", "FileExt": "pdf"}, "a.pdf"),
        ({"FileName": "a.PDF", "FileExt": "pdf"}, "a.PDF"),
        ({"FileName": "a.tar", "FileExt": "gz"}, "a.tar.gz"),
        ({"FileName": "", "FileExt": "pdf"}, "result.pdf"),
        ({"FileName": None, "FileExt": None}, "result"),
    ],
    ids=str,
)
def test_a_files_name_has_its_extension(fields, name, keep):
    assert _read_poll(_result(_file(**fields)), keep).result.files[0].name == name


def test_unknown_fields_are_kept(keep):
    assert _read_poll(_result(Warnings=["w"]), keep).result.extra == {"Warnings": ["w"]}


def test_bytes_within_the_answer_are_kept_at_once(kept, keep):
    data = {"FileName": "a.pdf", "FileData": base64.b64encode(b"%PDF").decode()}
    outcome = _read_poll(_result(data, _file(FileName="b.pdf")), keep)

    assert kept == {"a.pdf": b"%PDF"}
    first, second = outcome.result.files
    assert (first.url, first.size, first.kept.uri) == ("", 4, "memory://a.pdf")
    assert (second.url, second.kept) == (URL, None)


@pytest.mark.parametrize("name", ["a.pdf", ""])
def test_an_answer_can_be_the_file_itself(name, kept, keep):
    outcome = _read_poll(Answer(200, "application/pdf", name, b"%PDF"), keep)

    assert kept == {name or "result": b"%PDF"}
    assert outcome.result.files[0].kept.size == 4


def test_bytes_that_can_not_be_kept_are_asked_for_again():
    def full(_name, _chunks):
        raise StorageError("full")

    assert isinstance(_read_poll(Answer(200, "application/pdf", "", b"%PDF"), full), Lost)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"Code": 4000, "Message": "Wrong.", "InvalidParameters": {"A": ["x", "y"], "B": "z"}},
            "Wrong: A: x, y; B: z",
        ),
        ({"Code": 4000, "InvalidParameters": {"A": ["x"]}}, "A: x"),
        ({"Code": 4000, "Message": " Wrong. ", "InvalidParameters": []}, "Wrong."),
        ({"Code": "4000", "Message": "Wrong."}, "Wrong."),
    ],
    ids=str,
)
def test_an_error_names_the_parameters(body, message, keep):
    assert _read_start(_json(400, body), keep) == Failed(400, 4000, message)
