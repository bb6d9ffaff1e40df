"""How answers are read; the protocol's tables again, this time from the wire."""

from __future__ import annotations

import base64
import json

import pytest

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.errors import ComeLater, Refused, Unclear
from conveyor.convertapi.reading import checked, is_refused_credential, read_poll, read_start
from conveyor.convertapi.scrubbing import Scrubber
from conveyor.domain.answers import (
    Busy,
    Failed,
    Finished,
    InProgress,
    Lost,
    NotFound,
    RemoteFile,
    Result,
    Started,
    Throttled,
    Unreadable,
)
from conveyor.domain.conversion import StoredFile
from conveyor.errors import StorageError

SECRET = "5ecr3t-of-the-account"
JOB_ID = "0123456789abcdef0123456789abcdef"
HTML = b"<html><h1>502 Bad Gateway</h1></html>"
XHTML = (
    b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x">'
    b"<html><body>Log in</body></html>"
)
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


@pytest.fixture
def start(keep):
    def read(answer, target="pdf"):
        return read_start(answer, target, keep, Scrubber([SECRET, JOB_ID]))

    return read


@pytest.fixture
def poll(keep):
    def read(answer, target="pdf"):
        return read_poll(answer, target, keep, Scrubber([SECRET, JOB_ID]))

    return read


@pytest.fixture(params=["start", "poll"])
def read(request):
    return request.getfixturevalue(request.param)


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
            FINISHED,
            id="200 Files and JobId",
        ),
        pytest.param(_json(503, ERROR), Throttled(), id="503"),
        pytest.param(Answer(429, retry_after_s=7.0), Throttled(7.0), id="429"),
        pytest.param(Answer(425), Throttled(), id="425"),
        pytest.param(_json(404, {"Code": 0, "Message": "No."}), NotFound("No."), id="404"),
        pytest.param(Answer(404, "text/html", "", HTML), NotFound(""), id="404 HTML"),
        pytest.param(_json(400, ERROR), Failed(400, 5001, "Conversion failed."), id="400"),
        pytest.param(_json(500, ERROR), Failed(500, 5001, "Conversion failed."), id="500"),
        pytest.param(_json(401, {"Code": 4013}), Failed(401, 4013, ""), id="401 without a word"),
        pytest.param(Answer(403, "text/html", "", HTML), Failed(403, 0, ""), id="403 HTML"),
        pytest.param(Answer(402), Failed(402, 0, ""), id="402"),
        pytest.param(_json(201, {"JobId": "j"}), Started("j"), id="201 JobId"),
        pytest.param(_json(200, {"JobId": "j", "Files": None}), Started("j"), id="Files null"),
        pytest.param(_json(202, {"JobId": "j", "Files": []}), Started("j"), id="202 Files empty"),
        pytest.param(_result(JobId=""), FINISHED, id="200 Files and an empty JobId"),
        *(
            pytest.param(_json(status, {"ConversionCost": 2, "Files": [_file()]}), FINISHED)
            for status in (201, 202, 203)
        ),
        pytest.param(
            _json(200, {"JobId": "j", "Files": [_file()]}),
            Finished(Result(1, FINISHED.result.files)),
            id="200 Files and JobId without a cost",
        ),
        pytest.param(
            _json(200, {"JobId": "j", "Files": [], "ConversionCost": 2}),
            Finished(Result(2, ())),
            id="200 Files empty with a cost and JobId",
        ),
        pytest.param(_json(299, {"JobId": "j"}), Started("j"), id="299 JobId"),
        pytest.param(_json(400, {"Code": 0}), Failed(400, 0, ""), id="400 Code 0"),
        pytest.param(_json(400, {"Code": 10**9}), Failed(400, 10**9, ""), id="400 largest Code"),
        pytest.param(
            _json(401, {"Message": ["No."], "Code": 7}), Failed(401, 7, ""), id="401 odd Message"
        ),
    ],
)
def test_answer_to_submit(answer, outcome, start):
    assert start(answer) == outcome


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
        *(
            pytest.param(
                Answer(status, "text/html", "", HTML, 3.0), Busy(3.0, status), id=str(status)
            )
            for status in (401, 402, 403, 408, 409, 423, 425, 429)
        ),
        pytest.param(_json(409, ERROR), Busy(None, 409), id="409 with an error"),
        pytest.param(_json(500, ERROR), Failed(500, 5001, "Conversion failed."), id="500"),
        pytest.param(_json(504, ERROR), Failed(504, 5001, "Conversion failed."), id="504"),
        pytest.param(_json(400, ERROR), Failed(400, 5001, "Conversion failed."), id="400"),
        *(
            pytest.param(Answer(status, "", "", _result().body), FINISHED, id=f"result as {status}")
            for status in (201, 203)
        ),
    ],
)
def test_answer_to_poll(answer, outcome, poll):
    assert poll(answer) == outcome


GARBAGE = [
    pytest.param(_json(200, b""), id="empty"),
    pytest.param(Answer(200, "", "", b""), id="empty, of no type"),
    pytest.param(_json(200, b"[]"), id="a list"),
    pytest.param(_json(200, b"null"), id="null"),
    pytest.param(_json(200, b'"text"'), id="a text"),
    pytest.param(_json(200, b"[" * 100_000), id="deep and cut"),
    pytest.param(_json(200, b"[" * 100_000 + b"]" * 100_000), id="deep"),
    pytest.param(_json(200, b'{"a":' * 100_000 + b"1" + b"}" * 100_000), id="deep objects"),
    pytest.param(_json(200, b'{"a": ' + b"9" * 10_000 + b"}"), id="a number of 10,000 digits"),
    pytest.param(_json(200, {}), id="neither JobId nor Files"),
    pytest.param(Answer(200, "text/plain", "", b"Access denied by proxy"), id="a proxy's text"),
    pytest.param(Answer(200, "text/plain", "", b'{"a": 1, "b'), id="cut JSON as text"),
    pytest.param(Answer(200, "text/html", "", HTML), id="a portal's page"),
    pytest.param(Answer(200, "text/html", "", b'<p>{"Files": []}'), id="a portal's fragment"),
    pytest.param(
        Answer(200, "", "", b'\xef\xbb\xbf <!-- x -->\n<HTML><script>{"Files": 1}'), id="a script"
    ),
    pytest.param(Answer(200, "application/xhtml+xml", "", XHTML), id="a login page as XHTML"),
    pytest.param(Answer(200, "application/pdf", "", XHTML), id="a login page called a PDF"),
    pytest.param(Answer(200, "text/json", "", HTML), id="a page called JSON"),
    pytest.param(Answer(502, "text/html", "", HTML), id="a proxy's 502"),
    pytest.param(Answer(502, "image/png", "", b"\x89PNG\x00\xff"), id="a proxy's picture"),
    pytest.param(_json(504, {"message": "Endpoint request timed out"}), id="a proxy's JSON"),
    pytest.param(_json(500, {"Message": "An error has occurred."}), id="a framework's 500"),
    pytest.param(_json(500, {"Code": "5001", "Message": "No."}), id="a Code in words"),
    pytest.param(_json(500, {"Code": True, "Message": "No."}), id="a Code that is true"),
    pytest.param(_json(500, {"Code": 5001.0, "Message": "No."}), id="a Code with a point"),
    pytest.param(_json(500, {"Code": 10**30, "Message": "No."}), id="a Code too large"),
    pytest.param(_json(500, {"Code": 10**9 + 1, "Message": "No."}), id="a Code just too large"),
    pytest.param(_json(500, {"Code": -1, "Message": "No."}), id="a Code below 0"),
    pytest.param(_json(302, ERROR), id="an error as a redirect"),
    pytest.param(_json(300, {"JobId": "j"}), id="a JobId as a redirect"),
    pytest.param(_json(500, {"JobId": "j"}), id="a JobId in an error"),
    pytest.param(_json(206, {"Other": "j"}), id="206 of another kind"),
    pytest.param(_json(400, {"Message": "No."}), id="400 without a Code"),
    pytest.param(Answer(301, "text/html", "", b""), id="a redirect"),
    pytest.param(Answer(999), id="999"),
]


@pytest.mark.parametrize("answer", GARBAGE)
def test_garbage_is_lost_and_not_failed(read, answer):
    """The job may be fine."""
    outcome = read(answer)

    assert isinstance(outcome, Lost)
    assert outcome.reason
    assert not outcome.paid
    assert outcome.status in (0, answer.status)


@pytest.mark.parametrize("status", [408, 409, 423, 503])
def test_request_for_patience_after_submit_is_lost_so_that_job_is_asked_for(status, start):
    assert isinstance(start(Answer(status, "text/html", "", HTML)), Lost)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"Code": 4000, "Message": "JobId is already in use."}, ": JobId is already in use"),
        ({"Code": 4000}, ""),
    ],
)
def test_refusal_of_repeated_job_id_says_why(start, body, said):
    reason = f"a proxy on the way, or the service, answered with HTTP 409{said}"

    assert start(_json(409, body)) == Lost(reason, 409)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(200), "the answer was empty"),
        (Answer(200, "text/html", "", HTML), "a proxy's page came instead of an answer"),
        (_json(200, b'{"a'), "the answer was cut"),
        (Answer(200, "text/plain", "", b'{"a'), "the answer was no result in a known form"),
        (_json(200, {}), "the answer was no result in a known form"),
    ],
    ids=ascii,
)
def test_answer_without_a_result_says_what_it_is_instead(poll, answer, reason):
    assert poll(answer) == Lost(reason)


UNREADABLE = [
    pytest.param(_json(200, {"ConversionCost": 2}), "no Files", id="no Files"),
    pytest.param(_json(200, {"ConversionTime": 2}), "no Files", id="no Files, older"),
    pytest.param(_json(200, {"Files": None}), "no Files", id="Files null without a cost"),
    pytest.param(_json(200, {"Files": "a.pdf"}), "not a list", id="Files a name"),
    pytest.param(_json(200, {"Files": {"Url": URL}}), "not a list", id="Files an object"),
    pytest.param(_json(200, {"Files": ["a.pdf"]}), "file 1", id="files as names"),
    pytest.param(_json(200, {"Files": [None]}), "file 1", id="a file null"),
    pytest.param(_json(200, {"Files": [{}]}), "file 1", id="a file without content"),
    pytest.param(
        _json(200, {"Files": [{"FileName": "a", "FileSize": 3}]}),
        "neither Url nor FileData",
        id="a file without Url and FileData",
    ),
    pytest.param(_json(200, {"Files": [_file(), {}]}), "file 2", id="a good one beside such a one"),
    pytest.param(_result({"FileName": "a", "FileData": "no base64"}), "base64", id="data cut"),
    pytest.param(_result({"FileName": "a", "FileData": 7}), "neither", id="data a number"),
    pytest.param(_result({"FileName": "a", "FileData": ""}), "neither", id="data empty"),
    pytest.param(_result(_file(Url=7)), "Url", id="a Url that is a number"),
    pytest.param(_result(_file(Url="ftp://x/")), "Url", id="a Url of another kind"),
    pytest.param(_result(_file(Url="http://[x")), "Url", id="a Url that nobody can parse"),
    pytest.param(_result(_file(Url="https://x/" + "a" * 9000)), "Url", id="a Url without end"),
    pytest.param(_result(_file(Url="https://x/\ud800")), "Url", id="a Url of half a character"),
    pytest.param(_json(200, [{"ConversionCost": 1, "Files": []}]), "form", id="in a list"),
    pytest.param(_json(200, {"Result": {"Files": [_file()]}}), "no Files", id="wrapped"),
    pytest.param(
        _json(200, b'{"Files": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "form", id="deep"
    ),
]


@pytest.mark.parametrize(("answer", "reason"), UNREADABLE)
def test_paid_result_that_can_not_be_read_is_unreadable(read, kept, answer, reason):
    outcome = read(answer)

    assert isinstance(outcome, Unreadable)
    assert reason in outcome.reason
    assert kept == {}


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({}, 1),
        ({"ConversionCost": 7}, 7),
        ({"ConversionTime": 4}, 4),
        ({"ConversionCost": 0, "ConversionTime": 4}, 4),
        ({"ConversionCost": 0}, 1),
        ({"conversioncost": "12"}, 12),
        ({"ConversionCost": 10**12}, 10**9),
    ],
    ids=str,
)
def test_unreadable_result_has_cost_at_least_1(fields, cost, poll):
    assert poll(_json(200, {"Files": "a.pdf", **fields})).cost == cost


def test_unreadable_answer_shows_its_first_2000_characters_as_they_are(poll):
    fields = {f"M{number}": "ä" * 900 for number in range(5)}
    shown = poll(_json(200, {"Files": "a.pdf", **fields})).answer

    assert len(shown) == 2000
    assert shown.startswith('{"Files": "a.pdf", "M0": "ää')


def test_unreadable_answer_that_is_no_json_shows_its_text_without_what_opens_a_document(poll):
    text = b'[{"Files": [{"FileData": "hush", "fileid":"hush", "Name": "a"}]}, '
    outcome = poll(_json(200, text + b"[" * 100 + b"]" * 101))

    assert isinstance(outcome, Unreadable)
    assert outcome.answer.startswith(
        '[{"Files": [{"FileData": "…", "fileid":"…", "Name": "a"}]}, ['
    )


def test_unreadable_answer_tells_cost_and_text_without_what_opens_a_document(read):
    outcome = read(
        _result(
            {"FileName": f"{JOB_ID}\ud83d", "FileId": "hush"},
            ConversionCost=7,
            Warning=f"{SECRET} at https://v2.convertapi.com/d/hush",
            More="x" * 10_000,
        )
    )

    assert outcome.cost == 7
    assert "FileName" in outcome.answer
    assert len(outcome.answer) <= 2000
    for hidden in (JOB_ID, SECRET, "hush", "\ud83d"):
        assert hidden not in outcome.answer


CUT = [
    pytest.param(_json(200, b'{"ConversionCost": 1, "Fi'), id="cut after the cost"),
    pytest.param(_json(200, b'{"Files": [{"FileName": "a.pdf"'), id="cut in the files"),
    pytest.param(Answer(200, "text/plain", "", b'{"Files": [{"FileN'), id="cut JSON as text"),
    pytest.param(Answer(200, "text/html", "", b'{"Files": [{"FileN'), id="cut JSON as a page"),
    pytest.param(Answer(200, "application/octet-stream", "", b"%PDF\x00\xff"), id="bytes"),
    pytest.param(_json(206, _result().body), id="a part"),
    pytest.param(_json(206, _result(JobId="j").body), id="a part with a JobId"),
    pytest.param(Answer(206, "application/pdf", "", b"%PDF\x00\xff"), id="a part of a file"),
    pytest.param(_json(200, {"JobId": "../../user"}), id="a JobId that is a path"),
    pytest.param(_json(200, {"JobId": {"Id": 1}}), id="a JobId that is an object"),
    pytest.param(_json(200, {"JobId": ""}), id="an empty JobId"),
    pytest.param(_json(200, {"jobId": None}), id="no JobId under its name"),
    pytest.param(_json(200, b"{'ConversionCost': 1, 'Files': []}"), id="other quotes"),
    pytest.param(
        Answer(200, "application/xml", "", b"<R><ConversionCost>1</ConversionCost></R>"), id="XML"
    ),
    pytest.param(_json(500, _result().body), id="a result under another status"),
]


@pytest.mark.parametrize("answer", CUT)
def test_broken_off_answer_of_a_paid_job_is_lost_and_marked_paid(start, answer):
    outcome = start(answer)

    assert isinstance(outcome, Lost)
    assert outcome.paid


def test_file_that_is_not_found_is_neither_an_address_nor_a_job(read):
    outcome = read(_json(404, {"Code": 5009, "Message": "Gone."}))

    assert outcome == Failed(404, 5009, "Gone.")


@pytest.mark.parametrize("status", [201, 202, 203, 206, 226])
def test_job_is_started_under_any_status_of_success(start, status):
    assert start(_json(status, {"JobId": JOB_ID})) == Started(JOB_ID)


@pytest.mark.parametrize("answer", CUT[:5])
def test_poll_that_breaks_off_is_asked_again(poll, answer):
    assert isinstance(poll(answer), Lost)


@pytest.mark.parametrize(
    ("body", "cost"),
    [
        ({"Files": []}, 1),
        ({"Files": [], "ConversionCost": 2}, 2),
        ({"Files": None, "ConversionCost": 2}, 2),
        ({"files": [], "conversionCost": 2}, 2),
    ],
    ids=str,
)
def test_conversion_with_nothing_to_extract_succeeds_without_files(body, cost, read):
    assert read(_json(200, body)) == Finished(Result(cost, ()))


@pytest.mark.parametrize(
    ("cost", "read_as"),
    [
        *((b"1e999", 0), (b'"free"', 0), (b"null", 0), (b"[]", 0), (b"NaN", 0), (b"true", 0)),
        *((b"-1", 0), (b"1e19", 10**9), (b"99999999999999999999", 10**9), (b"2.0", 2)),
        *((b'"5"', 5), (b'"5.0"', 5), (b" 3", 3)),
    ],
)
def test_cost_lies_between_nothing_and_a_billion(cost, read_as, poll):
    body = b'{"ConversionCost": %s, "Files": [{"FileName": "a", "Url": "https://x/"}]}' % cost
    outcome = poll(_json(200, body))

    assert isinstance(outcome, Finished)
    assert outcome.result.cost == read_as


@pytest.mark.parametrize(
    ("fields", "cost"),
    [({"ConversionCost": 3}, 3), ({"ConversionTime": 4}, 4), ({}, 1)],
    ids=str,
)
def test_cost_has_had_two_names(fields, cost, poll):
    outcome = poll(_json(200, {"Files": [_file()], **fields}))

    assert outcome.result.cost == cost


@pytest.mark.parametrize(
    ("size", "read_as"),
    [
        *(("3", 3), ("3.0", 3), (3.0, 3), (" 3 ", 3), (3, 3), (0, 0)),
        *(("much", None), (None, None), ([], None), (True, None), (-1, 0), (2**60, 2**53)),
    ],
    ids=str,
)
def test_size_is_read_in_whatever_form(size, read_as, poll):
    assert poll(_result(_file(FileSize=size))).result.files[0].size == read_as


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "a.pdf"),
        ({"FileName": "a", "FileExt": "pdf"}, "a.pdf"),
        ({"FileName": "a", "FileExt": ".pdf"}, "a.pdf"),
        ({"FileName": "a.PDF", "FileExt": "pdf"}, "a.PDF"),
        ({"FileName": "a.tar", "FileExt": "gz"}, "a.tar.gz"),
        ({"FileName": "", "FileExt": "pdf"}, "result.pdf"),
        ({"FileName": None, "FileExt": None}, "result"),
        ({"FileName": 7, "FileExt": 8}, "7.8"),
        ({"FileName": ["a"], "FileExt": {}}, "result"),
        ({"FileName": "a\ud83d\n.pdf"}, "a\ufffd .pdf"),
        ({"FileName": "x" * 300}, "x" * 251 + ".pdf"),
        ({"FileName": True, "FileExt": True}, "result"),
        ({"FileName": "a", "FileExt": "e" * 32}, f"a.{'e' * 32}"),
        ({"FileName": "a", "FileExt": "e" * 33}, f"a.{'e' * 31}…"),
        ({"FileName": f"{JOB_ID.upper()}.pdf"}, "….pdf"),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_name_is_cleaned_and_has_its_extension(fields, name, poll):
    assert poll(_result(_file(**fields))).result.files[0].name == name


def test_unknown_fields_are_kept_and_known_ones_are_not(poll):
    outcome = poll(_result(Warnings=["w"], ConversionTime=3, jobid="j"))

    assert outcome.result.extra == {"Warnings": ["w"]}


@pytest.mark.parametrize(("size", "is_read"), [(4096, True), (4097, False)])
def test_url_may_have_4096_characters(size, is_read, poll):
    url = URL.ljust(size, "x")
    outcome = poll(_result(_file(Url=f" {url} ".strip())))

    assert isinstance(outcome, Finished if is_read else Unreadable)
    if is_read:
        assert outcome.result.files[0].url == url


def test_space_around_a_url_is_left_out(poll):
    assert poll(_result(_file(Url=f" {URL}\n"))).result.files[0].url == URL


def test_data_uri_within_data_is_no_base64(poll):
    data = "data:application/pdf;base64,data:application/pdf;base64,JVBERg=="

    assert isinstance(poll(_result({"FileName": "a", "FileData": data})), Unreadable)


def test_result_is_known_by_what_stands_in_the_first_256_kib(poll):
    within, behind = (b"x" * size + b" conversioncost" for size in (200_000, 2**18))

    assert isinstance(poll(Answer(200, "text/plain", "", b'"' + within)), Lost)
    assert poll(Answer(200, "text/plain", "", b'"' + within)).paid
    assert not poll(Answer(200, "text/plain", "", b'"' + behind)).paid


@pytest.mark.parametrize("field", ["ConversionCost", "ConversionTime", "Files"])
def test_result_in_an_encoding_of_two_bytes_is_known_by_its_fields(field, poll):
    answer = Answer(200, "application/json", "", json.dumps({field: 2}).encode("utf-16"))

    assert isinstance(poll(answer), Unreadable)


def test_text_that_speaks_of_a_result_may_hold_bytes_that_are_none(poll):
    text = b"x" * 3000 + b"\xff conversioncost"

    assert poll(Answer(200, "text/plain", "", text)) == Lost(
        "the answer was no result in a known form", paid=True
    )


def test_bytes_that_are_the_result_cost_1(read):
    assert read(Answer(200, "application/pdf", "", b"%PDF")).result.cost == 1


def test_message_lists_twenty_parameters_with_twenty_reasons_each(start):
    invalid = {f"P{number}": list("r" * 25) if number == 0 else "s" for number in range(25)}
    message = start(_json(400, {"Code": 4000, "InvalidParameters": invalid})).message
    listed = [f"P0: {', '.join('r' * 20)}", *(f"P{number}: s" for number in range(1, 20))]

    assert message == "; ".join(listed)


CHECKED = [
    *(
        pytest.param(Answer(status, retry_after_s=7.0), ComeLater(status, 7.0), id=str(status))
        for status in (408, 409, 423, 425, 429, 503)
    ),
    *(
        pytest.param(
            _json(status, ERROR), Refused(status, 5001, "Conversion failed."), id=f"{status} error"
        )
        for status in (400, 499, 500, 502)
    ),
    pytest.param(Answer(404), Refused(404, 0, "HTTP 404"), id="404 blank"),
    *(
        pytest.param(
            Answer(status, "text/html", "", HTML),
            Unclear(f"the service, or a proxy on the way, answered with HTTP {status}"),
            id=f"{status} HTML",
        )
        for status in (199, 300, 302, 399, 500, 502, 999)
    ),
]


@pytest.mark.parametrize(("answer", "error"), CHECKED)
def test_answer_to_another_call_is_an_error(answer, error):
    with pytest.raises(type(error)) as raised:
        checked(answer, Scrubber([]))

    assert vars(raised.value) == vars(error)
    assert str(raised.value) == str(error)


@pytest.mark.parametrize("status", [200, 204, 299])
def test_answer_to_another_call_is_itself_where_it_is_a_success(status):
    answer = Answer(status)

    assert checked(answer, Scrubber([])) is answer


@pytest.mark.parametrize(
    ("answer", "is_refused"),
    [
        *((Answer(401), True), (Answer(403), True), (Answer(402), False), (Answer(404), False)),
        *((_json(status, {"Code": 4013}), True) for status in (400, 404, 499)),
        *((_json(status, {"Code": 4013}), False) for status in (200, 399, 402, 500, 503)),
        *((_json(400, {"Code": code}), False) for code in (4014, 5001, None, "4013")),
    ],
    ids=ascii,
)
def test_refused_credential_is_told_from_other_refusals(answer, is_refused):
    assert is_refused_credential(answer) is is_refused


@pytest.mark.parametrize(
    ("value", "kept_as"),
    [
        *(("\ud83d", "\ufffd"), (float("inf"), None), (10**30, 2**53), (SECRET, "…")),
        *((f"https://x.example/{SECRET}", "https://x.example/…"), ([[[1]]], [[[1]]])),
    ],
    ids=ascii,
)
def test_unknown_fields_are_cleaned(value, kept_as, poll):
    assert poll(_result(More=value)).result.extra == {"More": kept_as}


@pytest.mark.parametrize("value", ["x" * 2000, ["x" * 100] * 100], ids=["text", "list"])
def test_large_unknown_field_is_left_out(value, poll):
    extra = poll(_result(More=value, Less=1)).result.extra

    assert len(json.dumps(extra)) < 1200
    assert extra["Less"] == 1


def test_bytes_within_the_answer_are_kept_immediately(kept, poll):
    data = {"FileName": "a.pdf", "FileData": base64.b64encode(b"%PDF").decode()}
    outcome = poll(_result(data, _file(FileName="b.pdf")))

    assert kept == {"a.pdf": b"%PDF"}
    first, second = outcome.result.files
    assert (first.url, first.size, first.kept.uri) == ("", 4, "memory://a.pdf")
    assert (second.url, second.kept) == (URL, None)


def test_bytes_beside_a_job_id_are_kept(kept, start):
    data = {"FileName": "a.pdf", "FileData": base64.b64encode(b"%PDF").decode()}

    assert isinstance(start(_result(data, JobId="j")), Finished)
    assert kept == {"a.pdf": b"%PDF"}


CONTENT = b"\xfb\xff\xfe words"


@pytest.mark.parametrize(
    "data",
    [
        base64.b64encode(CONTENT).decode(),
        base64.b64encode(CONTENT).decode().rstrip("="),
        base64.urlsafe_b64encode(CONTENT).decode(),
        base64.urlsafe_b64encode(CONTENT).decode().rstrip("="),
        "\r\n".join(base64.b64encode(CONTENT).decode()[i : i + 4] for i in range(0, 16, 4)),
        "data:application/pdf;base64," + base64.b64encode(CONTENT).decode(),
        "  " + base64.b64encode(CONTENT).decode() + "\n",
    ],
)
def test_base64_is_read_in_any_usual_form(data, kept, poll):
    assert isinstance(poll(_result({"FileName": "a.pdf", "FileData": data})), Finished)
    assert kept == {"a.pdf": CONTENT}


def test_empty_file_in_the_answer_is_kept(kept, poll):
    poll(_result({"FileName": "a.txt", "FileData": "", "FileSize": 0}))

    assert kept == {"a.txt": b""}


@pytest.mark.parametrize(
    ("target", "kind", "name"),
    [
        ("pdf", "application/pdf", ""),
        ("PDF", "application/pdf", "a.pdf"),
        ("jpg", "image/jpeg", ""),
        ("docx", "application/octet-stream", "a.docx"),
        ("html", "text/html", "a.html"),
        ("txt", "text/plain", ""),
        ("", "application/pdf", "a.pdf"),
    ],
)
def test_bytes_with_a_name_or_a_type_that_fits_are_the_result(target, kind, name, kept, read):
    outcome = read(Answer(200, kind, name, b"%PDF"), target)

    assert isinstance(outcome, Finished)
    assert kept == {name or "result": b"%PDF"}
    assert outcome.result.files[0].kept.size == 4


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        *(("pdf", "image/png"), ("pdf", "text/plain"), ("pdf", ""), ("docx", "application/zip")),
        *(("pdf", "application/octet-stream"), ("html", "text/html"), ("json", "application/json")),
        *(("", "application/pdf"), ("pdf", "application/xhtml+xml")),
    ],
)
def test_bytes_without_a_name_and_of_another_type_are_not_a_result(target, kind, kept, read):
    assert isinstance(read(Answer(200, kind, "", b"words"), target), Lost)
    assert kept == {}


@pytest.mark.parametrize("read_answer", [read_start, read_poll])
def test_result_that_can_not_be_kept_raises_for_the_client_to_mark_as_paid(read_answer):
    def full(_name, _chunks):
        raise StorageError("full")

    with pytest.raises(StorageError):
        read_answer(Answer(200, "application/pdf", "", b"%PDF"), "pdf", full, Scrubber([]))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"Code": 4000, "Message": "Wrong.", "InvalidParameters": {"A": ["x", "y"], "B": "z"}},
            "Wrong: A: x, y; B: z",
        ),
        ({"Code": 4000, "InvalidParameters": {"A": ["x"]}}, "A: x"),
        ({"Code": 4000, "InvalidParameters": {"A": {"b": 1}}}, "A:"),
        ({"Code": 4000, "Message": " Wrong. ", "InvalidParameters": []}, "Wrong."),
        ({"Code": 4000, "Message": "Wrong.", "InvalidParameters": {}}, "Wrong."),
        ({"Code": 4000, "Message": "Wrong.", "InvalidParameters": ["A"]}, "Wrong."),
        ({"Code": 4000, "Message": ["Wrong."]}, ""),
        ({"Code": 4000, "Message": "a\ud800b\x00c\u202ed"}, "a\ufffdb c d"),
        ({"Code": 4000, "Message": "at http://[x now"}, "at http://… now"),
        ({"Code": 4000, "Message": f"job {JOB_ID.upper()} of {SECRET}"}, "job … of …"),
        (
            {"Code": 4000, "Message": "job 01234567-89AB-cdef-0123-456789abcdef"},
            "job …",
        ),
        ({"Code": 4000, "Message": "at https%3A%2F%2Fx.example%2Fhush now"}, "at https://… now"),
    ],
    ids=ascii,
)
def test_error_names_the_parameters_and_no_secret(body, message, start):
    assert start(_json(400, body)) == Failed(400, 4000, message)


def test_message_without_end_is_cut(start):
    outcome = start(_json(400, {"Code": 4000, "Message": "x" * 100_000 + SECRET}))

    assert len(outcome.message) == 1000


@pytest.mark.parametrize("body", [b"<!---->" * 300, b"<?xml>" * 300, b"<!--" * 500])
def test_odd_markup_is_judged_in_one_go(body, read):
    assert isinstance(read(Answer(200, "text/plain", "", body)), Lost)
