"""Standard input and output."""

from __future__ import annotations

import hashlib
import io
import sys
from types import SimpleNamespace

import pytest

from conveyor.cli import standard
from conveyor.domain.conversion import Conversion, State, StoredFile
from conveyor.errors import ConveyorError, InvalidRequest, StorageError

CONTENT = b"%PDF-1.7\r\n\x00\xff"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Storage:
    """Reads the content in pieces."""

    def read(self, uri):
        yield from (CONTENT[:4], CONTENT[4:])


class Out(io.TextIOWrapper):
    """Standard output, as a pipe or as a terminal."""

    def __init__(self, raw=None, *, terminal=False):
        super().__init__(raw or io.BytesIO())
        self.terminal = terminal

    def isatty(self):
        return self.terminal


class FullDisk(io.BytesIO):
    def write(self, data):
        raise OSError(28, "No space left on device")


def conversion(files=1, sha256=SHA256):
    stored = StoredFile("a.pdf", "file:///x/a.pdf", len(CONTENT), sha256)
    return Conversion("some-id", State.SUCCEEDED, "docx", "pdf", files=(stored,) * files)


@pytest.fixture
def written(monkeypatch):
    """What is written of a conversion; pytest takes standard output back between its phases."""
    out = Out()

    def write(*args, **fields):
        monkeypatch.setattr(sys, "stdout", out)
        standard.write(conversion(*args, **fields), Storage())

    write.bytes = out.buffer.getvalue
    return write


def test_one_file_is_written_as_it_is(written):
    written()

    assert written.bytes() == CONTENT


def test_several_files_are_refused_and_nothing_is_written(written):
    with pytest.raises(ConveyorError, match=r"has 2 files.*conveyor wait some-id --out DIR"):
        written(2)
    assert written.bytes() == b""


def test_file_that_has_changed_in_the_storage_is_an_error(written):
    with pytest.raises(StorageError, match="has changed since"):
        written(sha256="0" * 64)


def test_full_disk_says_where_the_result_is(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Out(FullDisk()))
    with pytest.raises(StorageError, match=r"No space left.*is at file:///x/a\.pdf"):
        standard.write(conversion(), Storage())


def test_terminal_as_output_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Out(terminal=True))
    with pytest.raises(InvalidRequest, match="is a terminal, and a document is binary"):
        standard.check_output()


@pytest.mark.parametrize("from_format", [None, ""])
def test_input_without_a_format_is_refused(from_format):
    with pytest.raises(InvalidRequest, match="--from docx"):
        standard.check_input(from_format)


def test_terminal_as_input_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    with pytest.raises(InvalidRequest, match="is a terminal"):
        standard.check_input("docx")
