"""Which bytes of an answer are taken for the file that was asked for, by their type and form."""

from __future__ import annotations

import mimetypes

import pytest

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.fitting import is_binary, is_file, is_page

OFFICE = "application/vnd.openxmlformats-officedocument"
PDF = "application/pdf"
FITTING = {
    "bmp": ("image/bmp", "image/x-ms-bmp"),
    "csv": ("text/csv", "application/csv"),
    "docx": (f"{OFFICE}.wordprocessingml.document",),
    "epub": ("application/epub+zip",),
    "gif": ("image/gif",),
    "ico": ("image/x-icon", "image/vnd.microsoft.icon"),
    "jpeg": ("image/jpeg", "image/jpg", "image/pjpeg"),
    "jpg": ("image/jpeg", "image/jpg", "image/pjpeg"),
    "md": ("text/markdown", "text/x-markdown"),
    "odt": ("application/vnd.oasis.opendocument.text",),
    "pdf": (PDF, "application/x-pdf"),
    "png": ("image/png",),
    "pptx": (f"{OFFICE}.presentationml.presentation",),
    "ps": ("application/postscript",),
    "rtf": ("application/rtf", "text/rtf"),
    "svg": ("image/svg+xml",),
    "tif": ("image/tiff",),
    "tiff": ("image/tiff",),
    "txt": ("text/plain",),
    "webp": ("image/webp",),
    "xlsx": (f"{OFFICE}.spreadsheetml.sheet",),
    "zip": ("application/zip", "application/x-zip-compressed"),
    "merge": (PDF,),
    "protect": (PDF,),
    "compress": (PDF,),
}
PAIRS = [(target, kind) for target, kinds in FITTING.items() for kind in kinds]


def _answer(kind, body=b"%PDF-1.7", name=""):
    return Answer(200, kind, name, body)


@pytest.fixture
def no_types_of_the_system(monkeypatch):
    """Systems know different types, so ours have to be enough."""
    monkeypatch.setattr(mimetypes, "guess_type", lambda name: (None, None))


@pytest.mark.usefixtures("no_types_of_the_system")
@pytest.mark.parametrize(("target", "kind"), PAIRS)
def test_bytes_of_a_type_that_fits_the_target_are_the_file(target, kind):
    assert is_file(_answer(kind), target)
    assert is_file(_answer(kind), f".{target.upper()}")


@pytest.mark.parametrize("target", FITTING)
@pytest.mark.parametrize("kind", ["video/mp4", "", "application/octet-stream", "text/json"])
def test_bytes_of_no_type_that_fits_are_no_file(target, kind):
    assert not is_file(_answer(kind), target)


def test_type_that_the_system_alone_knows_fits_too(monkeypatch):
    monkeypatch.setattr(
        mimetypes, "guess_type", lambda name: ("a/b" if name == "result.odd" else None, None)
    )

    assert is_file(_answer("a/b"), "odd")
    assert not is_file(_answer("a/b"), "")


@pytest.mark.parametrize("kind", ["text/html", "application/xhtml+xml", "application/json"])
def test_page_or_message_is_not_a_file_although_its_type_is_what_was_asked_for(kind):
    """A login page of a portal must not be kept as the paid result."""
    target = {"text/html": "html", "application/xhtml+xml": "xhtml"}.get(kind, "json")

    assert not is_file(_answer(kind, b"words"), target)


@pytest.mark.parametrize("kind", ["application/pdf", "text/plain"])
def test_page_that_calls_itself_a_file_of_the_target_is_none(kind):
    target = "pdf" if kind == PDF else "txt"

    assert not is_file(_answer(kind, b"<html><body>Log in</body></html>"), target)


def test_file_that_the_answer_names_is_one_whatever_it_holds():
    assert is_file(_answer("text/html", b"<html>", name="a.html"), "html")
    assert not is_file(_answer("text/html", b"", name="a.html"), "html")


@pytest.mark.parametrize(
    ("kind", "body", "page"),
    [
        ("text/plain", b"<html>", True),
        ("text/plain", b"\xef\xbb\xbf \r\n\t<!DOCTYPE  HTML>", True),
        ("text/plain", b"<?xml version='1.0'?>\n<html>", True),
        ("text/plain", b"<!-- a - b --><!--\n--><body class='x'>", True),
        ("text/plain", b"<head>", True),
        ("text/plain", b"<header>", False),
        ("text/plain", b"<p>", False),
        ("text/html", b"<p>", True),
        ("application/xhtml+xml", b"<p>", True),
        ("text/html", b"words", False),
        ("text/html", b"", False),
    ],
)
def test_page_is_reported_by_how_it_begins(kind, body, page):
    assert is_page(_answer(kind, body)) is page


def test_page_is_looked_for_at_the_beginning_alone():
    beginning = b" " * 2047

    assert is_page(_answer("text/html", beginning + b"<p>"))
    assert not is_page(_answer("text/html", beginning + b" <p>"))


@pytest.mark.parametrize(
    ("body", "binary"),
    [
        (b"", False),
        (b"words", False),
        ("schön".encode(), False),
        (b"a\0b", True),
        (b"\xff\xd8\xff\xe0" + b"x" * 9, True),
        # A character of four bytes that ends behind what is looked at.
        (b"x" * 2045 + "🦊".encode(), False),
        (b"x" * 2044 + b"\xff" + b"xxxx", True),
        (b"x" * 2048 + b"\0\xff", False),
    ],
)
def test_bytes_that_are_no_text_are_reported_by_their_beginning(body, binary):
    assert is_binary(_answer("", body)) is binary
