"""Documents as pandoc can read them, checked before it does."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from convertapi_sandbox.converters.model import Task
from convertapi_sandbox.converters.pandoc_program import run_pandoc
from convertapi_sandbox.converters.syntax_tree import from_plain_text
from convertapi_sandbox.errors import conversion_error
from convertapi_sandbox.files import StoredFile

__all__ = ["READERS", "Readable", "read_text", "readable"]

# Format → pandoc's reader. Raw markup is off: text of a document must not become commands.
READERS: Final = {
    "docx": "docx",
    "odt": "odt",
    "epub": "epub",
    "html": "html",
    "md": "markdown-raw_attribute-raw_tex-citations",
    "rtf": "rtf",
    "txt": "json",
}
# Formats that are ZIP containers.
_CONTAINERS: Final = frozenset({"docx", "odt", "epub"})
# Start of the OLE container in which Office puts encrypted documents, and its stream's name.
_OLE_MAGIC: Final = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED_STREAM: Final = "EncryptedPackage".encode("utf-16-le")


@dataclass(frozen=True)
class Readable:
    """A document that pandoc can read.

    Args:
        path: Where it is.
        reader: pandoc's name for its format.
    """

    path: Path
    reader: str


def readable(task: Task, source: StoredFile) -> Readable:
    """Return a source as pandoc can read it.

    Args:
        task: Says what the document is. Its folder takes a copy, if one is needed.
        source: The document.

    Raises:
        ApiError: 5002, it is no such document; 5003, it asks for a password.
    """
    path, source_format = source.path, task.source_format
    if source_format in _CONTAINERS:
        _check_container(path)
    if source_format == "txt":
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
        path = task.folder / "source.json"
        path.write_text(json.dumps(from_plain_text(text)))
    return Readable(path, READERS[source_format])


def _check_container(path: Path) -> None:
    with path.open("rb") as file:
        encrypted = file.read(len(_OLE_MAGIC)) == _OLE_MAGIC and _ENCRYPTED_STREAM in file.read()
    if encrypted:
        raise conversion_error(5003)
    if not zipfile.is_zipfile(path):
        raise conversion_error(5002, "It is not a document of the stated format.")


def read_text(task: Task, source: StoredFile) -> str:
    """Return a document's text, each paragraph in a line.

    Args:
        task: Says what the document is.
        source: The document.

    Raises:
        ApiError: See `run_pandoc`; 5003, it asks for a password.
    """
    document = readable(task, source)
    arguments = [f"--from={document.reader}", "--to=plain", "--wrap=none", str(document.path)]
    return run_pandoc(task, arguments).output.decode()
