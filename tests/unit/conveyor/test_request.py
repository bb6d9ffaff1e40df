from __future__ import annotations

from pathlib import Path

import pytest

from conveyor.errors import InvalidRequest
from conveyor.request import ConversionRequest

FILE_ID = "0123456789abcdefghijklmnopqrstuv"
URL = "https://example.com/a.docx"

build = ConversionRequest.build


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
        (FILE_ID, "pdf", None, "tells no format: give it"),
        ("https://example.com/", "pdf", None, "tells no format: give it"),
        ([URL, FILE_ID], "zip", None, "tells no format: give it"),
        (URL, "", None, "The target format '' can't be one"),
        (URL, "p/df", None, "The target format 'p/df' can't be one"),
        (URL, "pdf\n", None, "The target format"),
        (URL, "a" * 21, None, "The target format"),
        (URL, None, None, "The target format None can't be one"),
        (URL, "pdf", "../..", "The source format '../..' can't be one"),
        ("a.d ocx", "pdf", None, "The source format 'd ocx' can't be one"),
        ([], "pdf", None, "no source"),
        (["https://a.com/", "https://b.com/"], "pdf", "web", "give one URL"),
        (["https://a.com/", "https://b.com/"], "pdf", ".Web", "give one URL"),
    ],
    ids=str,
)
def test_what_can_not_be_right_is_refused_in_words(source, to, from_format, words):
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
        ({"HeaderFile": FILE_ID}, {"HeaderFile": FILE_ID}),
        ({"CssFile": "https://e.com/a.css"}, {"CssFile": "https://e.com/a.css"}),
        ({"Text": ""}, {"Text": ""}),
        (None, {}),
    ],
    ids=str,
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
    with pytest.raises(InvalidRequest, match=f"The parameter {case(name)} can't be set: "):
        build(URL, "pdf", params={case(name): "true"})


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"Files[0]": "x"}, "can't be one of ConvertAPI's"),
        ({"": "x"}, "can't be one of ConvertAPI's"),
        ({"a=b&c": "x"}, "can't be one of ConvertAPI's"),
        ({"A" * 65: "x"}, "can't be one of ConvertAPI's"),
        ({1: "x"}, "can't be one of ConvertAPI's"),
        ({"PageRange": None}, "not a NoneType"),
        ({"PageRange": [1]}, "not a list"),
        ({"PageRange": b"1"}, "not a bytes"),
        ({"Timeout": 9}, "from 10 to 1200"),
        ({"Timeout": 1201}, "from 10 to 1200"),
        ({"Timeout": "1" * 5000}, "from 10 to 1200"),
        ({"TIMEOUT": "60.0"}, "from 10 to 1200"),
        ({"Timeout": "-60"}, "from 10 to 1200"),
        ({"HeaderFile": "header.html"}, "takes a URL that ConvertAPI can reach, or a FileId"),
        ({"headerfile": "file:///etc/passwd"}, "takes a URL that ConvertAPI can reach"),
    ],
    ids=str,
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

    assert request.form(uploads) == {"PageRange": "1", **form}


@pytest.mark.parametrize(
    ("source", "needed"),
    [(URL, False), (FILE_ID, False), ("s3://b/a.docx", True), ([URL, "s3://b/a.docx"], True)],
    ids=["url", "file id", "stored", "mixed"],
)
def test_only_stored_sources_need_an_upload(source, needed):
    assert build(source, "pdf", "docx").needs_upload is needed


@pytest.mark.parametrize(
    "request_",
    [
        build(URL, "pdf"),
        build([URL, "s3://b/ä.docx", FILE_ID, "a b.docx"], "zip", "any", {"Text": "„ä“\n", "N": 1}),
        build({"files": [{"uri": "s3://b/results/1/a.docx"}]}, "pdf"),
    ],
    ids=["one", "all kinds", "a chain's result"],
)
def test_the_ledger_gives_back_what_it_was_given(request_):
    assert ConversionRequest.from_json(request_.to_json()) == request_


def test_it_is_shown_without_what_opens_the_document():
    shown = build(f"{URL}?token=hush", "pdf", params={"Password": "hush"}).redacted()

    assert "hush" not in shown
    assert "https://example.com/…" in shown
    assert "Password" in shown
