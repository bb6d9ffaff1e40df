"""PDF by pypdf: open with or without password, keep pages, merge, split, protect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from pypdf import PageObject, PasswordType, PdfReader, PdfWriter
from pypdf.errors import PyPdfError

from convertapi_sandbox.converters import kinds
from convertapi_sandbox.converters.model import Converter, Output, Parameter, Takes, Task
from convertapi_sandbox.converters.page_range import PageRange, read_page_range
from convertapi_sandbox.errors import conversion_error

__all__ = ["CONVERTERS", "keep_pages", "open_pdf", "selected_pages"]


def open_pdf(path: Path, password: str | None = None) -> PdfReader:
    """Open a PDF.

    Args:
        path: Where it is.
        password: Its user or owner password, if it needs one.

    Raises:
        ApiError: 5002, it is damaged or no PDF; 5003, it asks for another password.
    """
    try:
        reader = PdfReader(path)
        # Many PDFs are encrypted with an empty user password, which readers try silently.
        if reader.is_encrypted and not _opens(reader, password):
            raise conversion_error(5003)
        len(reader.pages)
    except (PyPdfError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise conversion_error(5002) from error
    return reader


def _opens(reader: PdfReader, password: str | None) -> bool:
    candidates = ("",) if password is None else (password, "")
    return any(reader.decrypt(word) is not PasswordType.NOT_DECRYPTED for word in candidates)


def _write_pdf(pages: Iterable[PageObject], path: Path) -> Path:
    """Write pages as a document of their own."""
    writer = PdfWriter()
    try:
        for page in pages:
            writer.add_page(page)
        writer.write(path)
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise conversion_error(5002) from error
    return path


def selected_pages(reader: PdfReader, pages: PageRange | None) -> list[int]:
    """Return the indices, from 0, of the pages that a range selects.

    Args:
        reader: The document.
        pages: The range; None for all pages.

    Raises:
        ApiError: 5001, it selects none.
    """
    count = len(reader.pages)
    indices = list(range(count)) if pages is None else pages.select(count)
    if not indices:
        raise conversion_error(5001, f"The page range selects none of the {count} pages.")
    return indices


def keep_pages(path: Path, pages: PageRange | None) -> Path:
    """Return a PDF of the selected pages only; without a range, the one given.

    Args:
        path: The PDF.
        pages: The range; None for all pages.
    """
    if pages is None:
        return path
    reader = open_pdf(path)
    chosen = [reader.pages[index] for index in selected_pages(reader, pages)]
    return _write_pdf(chosen, path.with_name("selected.pdf"))


def _merge(task: Task) -> Sequence[Output]:
    """Put the pages of several documents into one."""
    readers = [open_pdf(source.path, task.options["Password"]) for source in task.sources]
    pages = (page for reader in readers for page in reader.pages)
    return [Output(_write_pdf(pages, task.folder / "merged.pdf"))]


def _split(task: Task) -> Sequence[Output]:
    """Part a document, by default into its pages."""
    reader = open_pdf(task.source.path, task.options["Password"])
    everything = [[index] for index in range(len(reader.pages))]
    spans: PageRange | None = task.options["SplitByRange"]
    groups = everything if spans is None else spans.groups(len(reader.pages))
    if not groups:
        raise conversion_error(5001, "The ranges select no page.")
    return [
        Output(
            _write_pdf([reader.pages[index] for index in group], task.folder / f"{number}.pdf"),
            label=f"-{number}",
        )
        for number, group in enumerate(groups, start=1)
    ]


def _protect(task: Task) -> Sequence[Output]:
    """Encrypt a document, so that it opens with a password only."""
    reader = open_pdf(task.source.path, task.options["Password"])
    writer = PdfWriter()
    for page in reader.pages:
        writer.add_page(page)
    user = task.options["UserPassword"]
    writer.encrypt(user, task.options["OwnerPassword"] or user, algorithm="AES-256")
    target = task.folder / "protected.pdf"
    writer.write(target)
    return [Output(target)]


_PASSWORD: Final = Parameter("Password", kinds.text, default=None)

CONVERTERS: Final = (
    Converter(
        pairs=frozenset({("pdf", "merge")}), run=_merge, parameters=(_PASSWORD,), takes=Takes.FILES
    ),
    Converter(
        pairs=frozenset({("pdf", "split")}),
        run=_split,
        parameters=(_PASSWORD, Parameter("SplitByRange", read_page_range, default=None)),
    ),
    Converter(
        pairs=frozenset({("pdf", "protect")}),
        run=_protect,
        parameters=(
            _PASSWORD,
            Parameter("UserPassword", kinds.text, default=""),
            Parameter("OwnerPassword", kinds.text, default=None),
        ),
    ),
)
