from __future__ import annotations

import asyncio

import pytest

from web.problems import Problem
from web.uploads import read_form

BOUNDARY = "line"
ORDER = (("to", None, b"pdf"), ("file", "a.docx", b"one\r\n--lin\r\n"), ("file", "b.docx", b"two"))


class Shelf:
    """Takes files as `web.staging.Staging` does, into memory."""

    def __init__(self, gives_up_after=None):
        self.files = {}
        self.params = {}
        self._gives_up_after = gives_up_after

    async def take(self, name, chunks):
        content = b""
        async for chunk in chunks:
            content += chunk
            if self._gives_up_after is not None and len(content) > self._gives_up_after:
                raise OSError("the disk is full")
        self.files[name] = content

    async def take_param(self, param, name, chunks):
        self.params[param] = (name, b"".join([chunk async for chunk in chunks]))


def _form(parts=ORDER, end=f"--{BOUNDARY}--\r\n"):
    text = b""
    for name, file_name, content in parts:
        told = f'; filename="{file_name}"' if file_name is not None else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{told}\r\n\r\n'
        text += head.encode() + content + b"\r\n"
    return text + end.encode()


def _read(form, shelf=None, size=1 << 16, boundary=BOUNDARY):
    async def chunks():
        for start in range(0, len(form), size):
            yield form[start : start + size]

    return asyncio.run(read_form(chunks(), boundary, shelf or Shelf()))


@pytest.mark.parametrize("size", [1, 2, 7, 100, 1 << 16])
def test_files_and_fields_are_distinguished_in_any_order(size):
    shelf = Shelf()

    assert _read(_form(), shelf, size) == {"to": "pdf"}
    assert shelf.files == {"a.docx": b"one\r\n--lin\r\n", "b.docx": b"two"}


def test_a_field_may_come_after_the_files():
    shelf = Shelf()

    assert _read(_form(reversed(ORDER)), shelf) == {"to": "pdf"}
    assert list(shelf.files) == ["b.docx", "a.docx"]


@pytest.mark.parametrize("param", ["OverlayFile", "pfxfile", "Css2FILE"])
def test_a_file_under_a_parameters_name_is_that_parameter(param):
    shelf = Shelf()

    assert _read(_form([*ORDER, (param, "stamp.pdf", b"words")]), shelf) == {"to": "pdf"}
    assert shelf.params == {param: ("stamp.pdf", b"words")}
    assert list(shelf.files) == ["a.docx", "b.docx"]


@pytest.mark.parametrize("name", ["Übung.docx", "报告.docx", "a;b.docx", "a'b.docx"])
def test_a_file_name_is_taken_as_browsers_write_it(name):
    shelf = Shelf()
    _read(_form([("file", name, b"x")]), shelf)

    assert list(shelf.files) == [name]


@pytest.mark.parametrize(
    "told",
    [
        "filename=\"=?utf-8?B?w5xidW5nLmRvY3g=?=\"; filename*=utf-8''%C3%9Cbung.docx",
        "filename*=utf-8''%C3%9Cbung.docx",
        'filename="%C3%9Cbung.docx"',
        b'filename="\xdcbung.docx"',
        'filename="U\u0308bung.docx"',
        'filename="C:\\fakepath\\Übung.docx"',
        "filename*;filename*1;filename=Übung.docx",
    ],
)
def test_a_file_name_is_taken_as_other_clients_write_it(told):
    shelf = Shelf()
    told = told if isinstance(told, bytes) else told.encode()
    _read(_form([("file", "a", b"x")]).replace(b'filename="a"', told), shelf)

    assert list(shelf.files) == ["Übung.docx"]


def test_a_file_is_passed_on_while_it_arrives():
    """Nothing heaps up: the storage sees the first piece before the last one was sent."""
    seen = []
    note = seen.append

    class Watching(Shelf):
        async def take(self, name, chunks):
            async for chunk in chunks:
                note(("taken", len(chunk)))

    async def chunks():
        form = _form([("file", "a.docx", b"x" * 1000)])
        for start in range(0, len(form), 100):
            note(("sent", 100))
            yield form[start : start + 100]

    asyncio.run(read_form(chunks(), BOUNDARY, Watching()))

    assert seen.index(("taken", 100)) < len(seen) - 8


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (b"", "ends before its last boundary"),
        (_form(end=""), "ends before its last boundary"),
        (_form()[:-10], "ends before its last boundary"),
        (b"--other\r\n\r\n", "not valid"),
        (b"--line\r\nContent-Disposition: form-data\r\n\r\n\r\n--line--", "has no name"),
        (_form([("file", None, b"x")]), "has no file name"),
        (_form([("file", "", b"x")]), "has no file name"),
        (_form([("to", "a.docx", b"pdf")]), "Send documents as `file`"),
        (_form([("secret", None, b"x")]), "Send documents as `file`"),
        (_form([("to", None, b"pdf"), ("to", None, b"png")]), "given twice"),
        (_form([("OverlayFile", None, b"x")]), "Send documents as `file`"),
        (_form([("OverlayFile", "", b"x")]), "Send documents as `file`"),
        (_form([("StoreFile", "a.pdf", b"x")]), "Send documents as `file`"),
        (_form([("Overlay", "a.pdf", b"x")]), "Send documents as `file`"),
        (_form([("AFile", "a.pdf", b"x"), ("AFile", "b.pdf", b"x")]), "given twice"),
        (_form([("to", None, b"x" * 70_000)]), "is longer than"),
        (_form([("to", None, b"\xff")]), "not UTF-8"),
        (_form([("file", f"{n}.txt", b"x") for n in range(101)]), "more than 100 parts"),
        (b"--line\r\n" + b"X-Header: x\r\n" * 100, "not valid"),
    ],
)
def test_a_form_that_is_wrong_is_refused(form, words):
    with pytest.raises(Problem, match=words):
        _read(form)


@pytest.mark.parametrize("size", [1, 1 << 16])
def test_the_headers_of_a_part_are_bounded_by_us(size):
    header = b"X-Header: " + b"x" * 3000 + b"\r\n"

    with pytest.raises(Problem, match="longer than 8192 bytes"):
        _read(b"--line\r\n" + header * 3, size=size)


def test_each_part_has_headers_of_its_own():
    shelf = Shelf()
    names = [letter * 3000 + ".txt" for letter in "abcd"]
    _read(_form([("file", name, b"x") for name in names]), shelf)

    assert list(shelf.files) == names


def test_a_boundary_that_is_too_long_is_refused():
    with pytest.raises(Problem, match="too long"):
        _read(_form(), boundary="x" * 1000)


def test_a_storage_that_gives_up_ends_the_reading():
    with pytest.raises(OSError, match="disk is full"):
        _read(_form([("file", "a.docx", b"x" * 1000)]), Shelf(gives_up_after=100), size=10)
