"""Documents among each other and to PDF, by pandoc."""

from __future__ import annotations

import functools
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pypandoc

from convertapi_sandbox.converters import kinds
from convertapi_sandbox.converters.model import Converter, Output, Parameter, Takes, Task
from convertapi_sandbox.converters.page_range import read_page_range
from convertapi_sandbox.converters.pdf_pages import keep_pages
from convertapi_sandbox.converters.program import Finished, run
from convertapi_sandbox.converters.syntax_tree import from_plain_text, without_dangers
from convertapi_sandbox.converters.typst_pdf import compile_pdf
from convertapi_sandbox.errors import conversion_error
from convertapi_sandbox.files import StoredFile

__all__ = ["CONVERTERS", "PASSWORD", "read_text", "run_pandoc"]

# Format → pandoc's reader. Raw markup is off: text of a document must not become commands.
_READERS: Final = {
    "docx": "docx",
    "odt": "odt",
    "epub": "epub",
    "html": "html",
    "md": "markdown-raw_attribute-raw_tex-citations",
    "rtf": "rtf",
    "txt": "json",
}
# Format → pandoc's writer.
_WRITERS: Final = {
    "docx": "docx",
    "odt": "odt",
    "epub": "epub",
    "html": "html",
    "md": "markdown",
    "rtf": "rtf",
    "txt": "plain",
}
# Formats that must have a title; the document's own wins.
_TITLES: Final = {
    "html": ("--metadata=pagetitle:Document",),
    "epub": ("--metadata=title:Document",),
}
# Formats that are ZIP containers.
_CONTAINERS: Final = frozenset({"docx", "odt", "epub"})
# pandoc's exit statuses for input that it cannot read (its MANUAL, "Exit codes").
_UNREADABLE: Final = frozenset({63, 64, 91, 92})
# Start of the OLE container in which Office puts encrypted documents, and its stream's name.
_OLE_MAGIC: Final = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED_STREAM: Final = "EncryptedPackage".encode("utf-16-le")

_PAPERS: Final = {"a3": "a3", "a4": "a4", "a5": "a5", "letter": "us-letter", "legal": "us-legal"}

PASSWORD: Final = Parameter("Password", kinds.text, default=None)
_PAGE_PARAMETERS: Final = (
    Parameter("PageRange", read_page_range, default=None),
    Parameter("PageSize", kinds.choice(*_PAPERS), default="a4"),
    Parameter("PageOrientation", kinds.choice("portrait", "landscape"), default="portrait"),
)


def _convert(task: Task) -> Sequence[Output]:
    """Turn a document into one of another format."""
    source, reader = _readable(task, task.source)
    target = task.folder / f"document.{task.target_format}"
    run_pandoc(
        task,
        [
            f"--from={reader}",
            f"--to={_WRITERS[task.target_format]}",
            "--standalone",
            "--embed-resources",
            "--wrap=none",
            *_TITLES.get(task.target_format, ()),
            f"--output={target.name}",
            str(source),
        ],
    )
    return [Output(target)]


def _to_pdf(task: Task) -> Sequence[Output]:
    """Typeset a document."""
    source, reader = _readable(task, task.source)
    arguments = [f"--from={reader}", "--to=json", "--extract-media=media", str(source)]
    tree = json.loads(run_pandoc(task, arguments).output)
    safe = json.dumps(without_dangers(tree, task.folder))
    markup = run_pandoc(task, ["--from=json", "--to=typst", "--wrap=none"], safe).output
    pdf = compile_pdf(
        markup.decode(),
        folder=task.folder,
        paper=_PAPERS[task.options["PageSize"]],
        landscape=task.options["PageOrientation"] == "landscape",
        timeout_s=task.timeout_s,
    )
    return [Output(keep_pages(pdf, task.options["PageRange"]))]


def read_text(task: Task, source: StoredFile) -> str:
    """Return a document's text, each paragraph in a line.

    Args:
        task: Says what the document is.
        source: The document.

    Raises:
        ApiError: See `run_pandoc`; 5003, it asks for a password.
    """
    path, reader = _readable(task, source)
    return run_pandoc(
        task, [f"--from={reader}", "--to=plain", "--wrap=none", str(path)]
    ).output.decode()


def _web_to_pdf(task: Task) -> Sequence[Output]:
    """Typeset a page of the web that was fetched already."""
    return _to_pdf(
        Task(
            source_format="html",
            target_format=task.target_format,
            sources=task.sources,
            options=task.options,
            folder=task.folder,
            timeout_s=task.timeout_s,
        )
    )


CONVERTERS: Final = (
    Converter(
        pairs=frozenset(
            (source, target) for source in _READERS for target in _WRITERS if source != target
        ),
        run=_convert,
        parameters=(PASSWORD,),
    ),
    Converter(
        pairs=frozenset((source, "pdf") for source in _READERS),
        run=_to_pdf,
        parameters=(PASSWORD, *_PAGE_PARAMETERS),
    ),
    Converter(
        pairs=frozenset({("web", "pdf")}),
        run=_web_to_pdf,
        parameters=_PAGE_PARAMETERS,
        takes=Takes.URL,
    ),
)


def _readable(task: Task, source: StoredFile) -> tuple[Path, str]:
    """Return a source as pandoc can read it, and the reader for it."""
    path, source_format = source.path, task.source_format
    if source_format in _CONTAINERS:
        _check_container(path)
    if source_format == "txt":
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
        path = task.folder / "source.json"
        path.write_text(json.dumps(from_plain_text(text)))
    return path, _READERS[source_format]


def _check_container(path: Path) -> None:
    with path.open("rb") as file:
        encrypted = file.read(len(_OLE_MAGIC)) == _OLE_MAGIC and _ENCRYPTED_STREAM in file.read()
    if encrypted:
        raise conversion_error(5003)
    if not zipfile.is_zipfile(path):
        raise conversion_error(5002, "It is not a document of the stated format.")


def run_pandoc(task: Task, arguments: Sequence[str], stdin: str = "") -> Finished:
    """Run pandoc, kept from files and network.

    Args:
        task: Whose folder it works in.
        arguments: Its arguments.
        stdin: What it reads.

    Raises:
        ApiError: 5000, it took too long; 5001, it failed; 5002, it cannot read the document.
    """
    finished = run(
        # --sandbox: a document may name files and addresses, pandoc must not read them.
        [_pandoc_path(), "--sandbox", "--quiet", *arguments],
        folder=task.folder,
        timeout_s=task.timeout_s,
        stdin=stdin.encode(),
    )
    if finished.status in _UNREADABLE:
        raise conversion_error(5002, "It is not a document of the stated format.")
    if finished.status:
        raise conversion_error(5001)
    return finished


@functools.cache
def _pandoc_path() -> str:
    return str(Path(pypandoc.get_pandoc_path()).resolve())
