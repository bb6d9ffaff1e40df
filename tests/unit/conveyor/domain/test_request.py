from __future__ import annotations

import json
from dataclasses import replace
from enum import Enum, IntEnum
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conveyor.domain.conversion import Conversion, StagedFile, State, StoredFile
from conveyor.domain.request import ConversionRequest
from conveyor.domain.request_json import dump_request, load_request
from conveyor.domain.service_form import form_of
from conveyor.domain.sources import Source, SourceKind
from conveyor.errors import InvalidRequest

FILE_ID = "0123456789abcdefghijklmnopqrstuv"
URL = "https://example.com/a.docx"

build = ConversionRequest.build


class Style(str, Enum):  # noqa: UP042 - that is the point
    """As Python before `StrEnum` has them: `str()` of one shows its name."""

    BOLD = "bold"


class Copies(IntEnum):
    TWO = 2


@pytest.mark.parametrize(
    ("source", "to", "from_format", "pair"),
    [
        (URL, "pdf", None, ("docx", "pdf")),
        (URL, ".PDF", "DOC", ("doc", "pdf")),
        (Path("a.Md"), "html", None, ("md", "html")),
        ([URL, URL], "merge", None, ("docx", "merge")),
        ([URL, "b.pdf"], "zip", None, ("any", "zip")),
        ([URL, FILE_ID], "zip", "any", ("any", "zip")),
        ("https://example.com/", "pdf", "web", ("web", "pdf")),
    ],
    ids=str,
)
def test_formats_come_from_names_unless_given(source, to, from_format, pair):
    request = build(source, to, from_format)

    assert (request.from_format, request.to_format) == pair


@pytest.mark.parametrize(
    ("source", "to", "from_format", "words"),
    [
        (FILE_ID, "pdf", None, "Can't tell the format"),
        ("https://example.com/", "pdf", None, "Can't tell the format"),
        ([URL, FILE_ID], "zip", None, "Can't tell the format"),
        (URL, "", None, "The target format '' is not valid"),
        (URL, "p/df", None, "The target format 'p/df' is not valid"),
        (URL, "pdf\n", None, "The target format"),
        (URL, "a" * 21, None, "The target format"),
        (URL, None, None, "The target format None is not valid"),
        (URL, 5, None, "The target format int is not valid"),
        (URL, "/" * 40, None, f"The target format '{'/' * 40}' is not valid"),
        (URL, "/" * 41, None, f"The target format '{'/' * 40}'… is not valid"),
        (URL, "pdf", "../..", "The source format '../..' is not valid"),
        ("a.d ocx", "pdf", None, "The source format 'd ocx' is not valid"),
        ([], "pdf", None, "no source"),
        (["https://a.com/", "https://b.com/"], "pdf", "web", "Give one URL"),
        (["https://a.com/", "https://b.com/"], "pdf", ".Web", "Give one URL"),
    ],
    ids=str,
)
def test_invalid_request_is_refused_with_a_message(source, to, from_format, words):
    with pytest.raises(InvalidRequest, match=words):
        build(source, to, from_format)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"PageRange": "1-3"}, {"PageRange": "1-3"}),
        ({"Scale": True, "Sharp": False}, {"Scale": "true", "Sharp": "false"}),
        ({"Quality": 90, "Zoom": 1.5}, {"Quality": "90", "Zoom": "1.5"}),
        ({"Timeout": 10}, {"Timeout": "10"}),
        ({"timeout": "1200"}, {"timeout": "1200"}),
        ({"Style": Style.BOLD, "Copies": Copies.TWO}, {"Style": "bold", "Copies": "2"}),
        ({"Text": ""}, {"Text": ""}),
        ({"Text": "a" * 65536}, {"Text": "a" * 65536}),
        ({"A" * 64: "x"}, {"A" * 64: "x"}),
        (None, {}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_parameters_are_sent_as_text_under_their_own_names(given, sent):
    assert build(URL, "pdf", params=given).params == sent


RESERVED = (
    *("Secret", "Token", "ApiKey", "Auth", "Async", "JobId", "WebHook", "StoreFile"),
    *("File", "Files", "Url"),
)


@pytest.mark.parametrize("name", RESERVED)
@pytest.mark.parametrize("case", [str, str.lower, str.upper], ids=["own", "lower", "upper"])
def test_reserved_parameters_are_refused_in_any_case(name, case):
    with pytest.raises(InvalidRequest, match=f"You can't set the parameter {case(name)}: "):
        build(URL, "pdf", params={case(name): "true"})


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"Files[0]": "x"}, "is not valid. Use letters and digits"),
        ({"": "x"}, "is not valid. Use letters and digits"),
        ({"a=b&c": "x"}, "is not valid. Use letters and digits"),
        ({"A" * 65: "x"}, "is not valid. Use letters and digits"),
        ({1: "x"}, "is not valid. Use letters and digits"),
        ({"PageRange": None}, "not a NoneType"),
        ({"PageRange": [1]}, "not a list"),
        ({"PageRange": b"1"}, "not a bytes"),
        ({"Timeout": 9}, "from 10 to 1200"),
        ({"Timeout": 1201}, "from 10 to 1200"),
        ({"Timeout": "1" * 5000}, "from 10 to 1200"),
        ({"TIMEOUT": "60.0"}, "from 10 to 1200"),
        ({"Timeout": "-60"}, "from 10 to 1200"),
        ({"Timeout": True}, "from 10 to 1200"),
        ({"Timeout": 60.0}, "from 10 to 1200"),
        ({"Timeout": "0x10"}, "from 10 to 1200"),
        ({"Timeout": " 60"}, "from 10 to 1200"),
        ({"Timeout": "060"}, "from 10 to 1200"),
        ({"Timeout": "\uff16\uff10"}, "from 10 to 1200"),
        ({"Zoom": float("nan")}, "is not a number that can be sent"),
        ({"Zoom": float("inf")}, "is not a number that can be sent"),
        ({"Zoom": float("-inf")}, "is not a number that can be sent"),
        pytest.param({"Zoom": 10**5000}, "is not a number that can be sent", id="digits"),
        ({"Text": "a\0b"}, "holds a NUL character"),
        ({"Text": "\ud800"}, "lone surrogate"),
        ({"Text": "a" * 65537}, "longer than 65536 bytes"),
        ({"Text": "ä" * 32769}, "longer than 65536 bytes"),
        ({"A" * 5000: "x"}, "is not valid. Use letters and digits"),
        ({"\ud800": "x"}, "is not valid. Use letters and digits"),
        ({None: "x"}, "is not valid. Use letters and digits"),
        ({"PageRange": "1", "pagerange": "2"}, "pagerange is given twice"),
        ({"OverlayFile": FILE_ID, "overlayFILE": FILE_ID}, "overlayFILE is given twice"),
        ([("PageRange", "1")], "must be a mapping of names to values, not a list"),
        ("PageRange=1", "must be a mapping of names to values, not a str"),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_parameters_that_can_not_be_right_are_refused_in_words(params, words):
    with pytest.raises(InvalidRequest, match=words):
        build(URL, "pdf", params=params)


def test_a_refused_parameter_does_not_show_its_value():
    with pytest.raises(InvalidRequest) as refused:
        build(URL, "pdf", params={"Secret": "hush"})

    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "to", "from_format", "uploads", "form"),
    [
        (URL, "pdf", None, {}, {"File": URL}),
        (FILE_ID, "pdf", "docx", {}, {"File": FILE_ID}),
        ("s3://b/a.docx", "pdf", None, {"0": "f0"}, {"File": "f0"}),
        (URL, "merge", None, {}, {"Files[0]": URL}),
        (URL, "zip", None, {}, {"Files[0]": URL}),
        (
            [URL, "s3://b/b.docx", "s3://b/c.docx"],
            "merge",
            None,
            {"1": "f1", "2": "f2"},
            {"Files[0]": URL, "Files[1]": "f1", "Files[2]": "f2"},
        ),
        ([URL, URL], "pdf", None, {}, {"Files[0]": URL, "Files[1]": URL}),
        ("https://e.com/", "pdf", "web", {}, {"Url": "https://e.com/"}),
    ],
    ids=["url", "file id", "upload", "merge one", "zip one", "merge some", "some", "web"],
)
def test_the_form_names_sources_as_the_service_wants_them(source, to, from_format, uploads, form):
    request = build(source, to, from_format, {"PageRange": "1"})

    assert form_of(request, uploads) == {"PageRange": "1", **form}


@pytest.mark.parametrize(
    "request_",
    [
        build(URL, "pdf"),
        build(URL, "pdf", params={"OverlayFile": "s3://b/o.pdf", "CssFile": "a.css"}),
        build(URL, "pdf", semi_async_seconds=0),
        build(URL, "pdf", semi_async_seconds=1200),
        build([URL, "s3://b/ä.docx", FILE_ID, "a b.docx"], "zip", "any", {"Text": "„ä“\n", "N": 1}),
        build({"files": [{"uri": "s3://b/results/1/a.docx"}]}, "pdf"),
    ],
    ids=["one", "files", "never waits", "waits", "all kinds", "a chain's result"],
)
def test_the_ledger_gives_back_what_it_was_given(request_):
    assert load_request(dump_request(request_)) == request_


def test_it_is_shown_without_what_opens_the_document():
    shown = build(f"{URL}?token=hush", "pdf", params={"Password": "hush"}).redacted()

    assert "hush" not in shown
    assert "https://example.com/…" in shown
    assert "Password" in shown


STORED = StoredFile("o.pdf", "s3://b/results/1/o.pdf", 3, "00")
RESULT = Conversion("1", State.SUCCEEDED, "docx", "pdf", files=(STORED,))


@pytest.mark.parametrize("name", ["OverlayFile", "overlayfile", "PFXFILE"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://e.com/o.pdf", Source(SourceKind.URL, "https://e.com/o.pdf")),
        (FILE_ID, Source(SourceKind.FILE_ID, FILE_ID)),
        ("s3://b/o.pdf", Source(SourceKind.STORED, "s3://b/o.pdf")),
        ("file:///srv/o.pdf", Source(SourceKind.STORED, "file:///srv/o.pdf")),
        ("~/o.pdf", Source(SourceKind.LOCAL, "~/o.pdf")),
        (r"C:\docs\o.pdf", Source(SourceKind.LOCAL, r"C:\docs\o.pdf")),
        (Path("d") / "o.pdf", Source(SourceKind.LOCAL, "d/o.pdf")),
        (
            StagedFile("o.pdf", "s3://b/staged/1/o.pdf", 3, "ab"),
            Source(SourceKind.STORED, "s3://b/staged/1/o.pdf", "ab"),
        ),
        (RESULT, Source(SourceKind.STORED, STORED.uri)),
        (RESULT.to_dict(), Source(SourceKind.STORED, STORED.uri)),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_parameter_that_ends_in_file_takes_what_a_source_takes(name, value, expected):
    request = build(URL, "pdf", params={name: value, "PageRange": 1})

    assert request.files == {name: expected}
    assert request.params == {"PageRange": "1"}
    assert request.plain_params == {"PageRange": "1", name: expected.value}
    assert list(request.attachments) == ["0", name]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "OverlayFile is not a file. The source is empty"),
        (True, "OverlayFile is not a file. A source can't be a bool"),
        (7, "OverlayFile is not a file. A source can't be a int"),
        (b"%PDF", "OverlayFile is not a file. A source can't be a bytes"),
        (None, "OverlayFile is not a file. A source can't be a NoneType"),
        ([], "OverlayFile is not a file. There is no source"),
        (["a.pdf", "b.pdf"], "OverlayFile takes one file, not 2"),
        ({"files": []}, "OverlayFile is not a file. There is no source"),
        ("http://[x", "OverlayFile is not a file. The source URL can't be read"),
        ("https://u:hush@e.com/a.pdf", "contains a user name or password"),
        ("a" * 9000, "longer than 8192 bytes"),
        ("s3://b/\ud800", "lone surrogate"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_parameter_that_is_not_a_file_is_refused_and_not_shown(value, words):
    with pytest.raises(InvalidRequest, match=words) as refused:
        build(URL, "pdf", params={"OverlayFile": value})

    assert "hush" not in str(refused.value)


def test_a_parameter_that_is_a_file_is_sent_under_its_name():
    params = {"OverlayFile": "s3://b/o.pdf", "CssFile": "https://e.com/a.css", "Scale": 2}
    request = build(["s3://b/a.docx", URL], "merge", params=params)

    assert form_of(request, {"0": "f0", "OverlayFile": "f1"}) == {
        "Files[0]": "f0",
        "Files[1]": URL,
        "OverlayFile": "f1",
        "CssFile": "https://e.com/a.css",
        "Scale": "2",
    }


def test_a_file_is_shown_as_a_source_is():
    params = {"OverlayFile": "https://e.com/o.pdf?token=hush", "CssFile": "/home/hush/a.css"}
    shown = build(URL, "pdf", params=params).redacted()

    assert "OverlayFile=https://e.com/…" in shown
    assert "CssFile=…" in shown
    assert "hush" not in shown


def test_staged_files_take_the_place_of_local_ones():
    request = build(["a.docx", URL], "merge", "docx", {"OverlayFile": "o.pdf"})
    staged = {
        "0": Source(SourceKind.STORED, "s3://b/staged/1/a.docx", "ab"),
        "OverlayFile": Source(SourceKind.STORED, "s3://b/staged/2/o.pdf", "cd"),
    }
    changed = request.with_attachments(staged)

    assert changed.attachments == {**request.attachments, **staged}
    assert changed.addresses == ("s3://b/staged/1/a.docx", URL, "s3://b/staged/2/o.pdf")


def test_a_file_here_wins_over_a_file_id_of_its_name(tmp_path, monkeypatch):
    (tmp_path / FILE_ID).write_text("words")
    request = build(FILE_ID, "pdf", "docx", {"OverlayFile": FILE_ID})
    assert request.preferring_local() == request
    monkeypatch.chdir(tmp_path)

    local = Source(SourceKind.LOCAL, FILE_ID)
    assert request.preferring_local().attachments == {"0": local, "OverlayFile": local}


@pytest.mark.parametrize(("spare", "is_taken"), [(0, True), (-1, False)])
def test_sources_and_parameters_may_have_a_mebibyte_together(spare, is_taken):
    name = "Long"
    full = {f"P{n:02}": "x" * 60_000 for n in range(17)}
    used = len(URL) + sum(map(len, full)) + 17 * 60_000 + len(name)
    params = {**full, name: "x" * (1024 * 1024 - used - spare)}

    if is_taken:
        assert build(URL, "pdf", params=params).params == params
    else:
        with pytest.raises(InvalidRequest, match="longer than 1048576 bytes together"):
            build(URL, "pdf", params=params)


def test_a_file_may_have_a_name_that_is_no_text():
    """POSIX has bytes, and Python shows those that are no UTF-8 as halves of characters."""
    (source,) = build(Path("\udcff.docx"), "pdf").sources

    assert source == Source(SourceKind.LOCAL, "\udcff.docx")


def test_a_finished_request_keeps_its_formats_alone():
    request = build(URL, "pdf", params={"Password": "hush", "OverlayFile": "o.pdf"})
    request = replace(request, semi_async_seconds=5)

    assert request.formats_alone() == ConversionRequest((), "docx", "pdf")
    assert request.formats_alone() == ConversionRequest((), "docx", "pdf", {}, {}, None)


def test_a_request_is_kept_as_json_without_what_was_not_asked_for():
    """What lies in a ledger was written by another release."""
    plain = build([URL, "s3://b/a.docx"], "merge")
    full = build(URL, "pdf", params={"A": 1, "OverlayFile": "o.pdf"}, semi_async_seconds=0)

    assert dump_request(plain) == (
        '{"sources":[["url","https://example.com/a.docx"],["stored","s3://b/a.docx"]],'
        '"from":"docx","to":"merge","params":{}}'
    )
    assert dump_request(full) == (
        '{"sources":[["url","https://example.com/a.docx"]],"from":"docx","to":"pdf",'
        '"params":{"A":"1"},"files":{"OverlayFile":["local","o.pdf"]},"semi_async":0}'
    )


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"sources": None}, TypeError),
        ({"sources": {"url": URL}}, TypeError),
        ({"sources": [["url", 1]]}, TypeError),
        ({"sources": [["carrier pigeon", URL]]}, ValueError),
        ({"sources": [["url"]]}, ValueError),
        ({"from": 1}, TypeError),
        ({"to": None}, TypeError),
        ({"params": {"A": 1}}, TypeError),
        ({"files": {"OverlayFile": "o.pdf"}}, TypeError),
        ({"semi_async": True}, TypeError),
        ({"semi_async": 5.0}, TypeError),
        ({"semi_async": "5"}, TypeError),
    ],
    ids=str,
)
def test_a_damaged_request_is_refused_when_it_is_read(change, error):
    plain = json.loads(dump_request(build(URL, "pdf")))
    with pytest.raises(error):
        load_request(json.dumps(plain | change))


@pytest.mark.parametrize("name", ["sources", "from", "to", "params"])
def test_a_request_without_a_field_is_refused_when_it_is_read(name):
    plain = json.loads(dump_request(build(URL, "pdf")))
    del plain[name]
    with pytest.raises(LookupError):
        load_request(json.dumps(plain))


def test_sources_and_parameters_are_bounded_together():
    many = {f"P{n}": "x" * 60_000 for n in range(20)}
    with pytest.raises(InvalidRequest, match="longer than 1048576 bytes together"):
        build(URL, "pdf", params=many)
    with pytest.raises(InvalidRequest, match="longer than 1048576 bytes together"):
        build([f"https://e.com/{'a' * 8000}{n}.docx" for n in range(150)], "merge")


@pytest.mark.parametrize("seconds", [None, 0, 1, 1200])
def test_a_wait_in_whole_seconds_is_taken(seconds):
    assert build(URL, "pdf", semi_async_seconds=seconds).semi_async_seconds == seconds


@pytest.mark.parametrize(
    "seconds",
    [-1, 1201, 10**400, True, False, 5.0, float("nan"), "5", [5]],
    ids=lambda it: repr(it)[:9],
)
def test_a_wait_that_can_not_be_is_refused(seconds):
    with pytest.raises(InvalidRequest, match="semi_async_seconds must be a whole number from 0 to"):
        build(URL, "pdf", semi_async_seconds=seconds)


@pytest.mark.parametrize(
    ("asked", "params", "default", "expected"),
    [
        (None, {}, 0, 0),
        (None, {}, 30.5, 30.5),
        (0, {}, 30, 0),
        (600, {}, 30, 600),
        (600, {"Timeout": 60}, 0, 60),
        (600, {"timeout": "900"}, 0, 600),
        (None, {"TIMEOUT": 10}, 30, 10),
    ],
    ids=str,
)
def test_a_submit_waits_as_asked_and_never_longer_than_the_timeout(
    asked, params, default, expected
):
    request = build(URL, "pdf", params=params, semi_async_seconds=asked)

    assert request.wait_s(default) == expected


def test_a_request_of_a_result_to_come_has_all_but_a_source():
    request = ConversionRequest.of_result("PDF", ".Docx", {"OverlayFile": "o.pdf"}, 5)

    assert (request.sources, request.from_format, request.to_format) == ((), "docx", "pdf")
    assert (list(request.files), request.semi_async_seconds) == (["OverlayFile"], 5)
    assert ConversionRequest.of_result("pdf").from_format == ""
    with pytest.raises(InvalidRequest, match="target format"):
        ConversionRequest.of_result("p/df")
    with pytest.raises(InvalidRequest, match="source format"):
        ConversionRequest.of_result("pdf", "d/ocx")


TEXTS = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=()), max_size=9),
        st.sampled_from(["http://", "https://e.com", "s3://b", "file:///", "a.docx", FILE_ID]),
        st.sampled_from(["C:", "~", "[", "@", ":", "/", "\\", " ", "::"]),
    ),
    max_size=4,
).map("".join)
ANYTHING = st.one_of(
    TEXTS, st.integers(), st.floats(), st.booleans(), st.binary(max_size=9), st.none()
)


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(
    source=st.one_of(TEXTS, st.lists(TEXTS, max_size=3), ANYTHING),
    from_format=st.one_of(st.just("docx"), st.just("web"), ANYTHING),
    params=st.one_of(
        st.dictionaries(st.sampled_from(["OverlayFile", "Text"]), TEXTS),
        st.dictionaries(st.one_of(st.just("Timeout"), ANYTHING), ANYTHING, max_size=3),
        ANYTHING,
    ),
    seconds=st.one_of(st.none(), st.integers(0, 1200), ANYTHING),
)
def test_whatever_is_asked_is_a_request_or_refused(source, from_format, params, seconds):
    try:
        request = build(source, "pdf", from_format, params, seconds)
    except InvalidRequest:
        return
    assert load_request(dump_request(request)) == request
    assert request.redacted()
    assert request.wait_s(0) >= 0
    assert len(form_of(request, {})) == len(request.attachments) + len(request.params)
