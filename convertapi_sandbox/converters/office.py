"""Office documents by LibreOffice, where its `soffice` is installed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Final

from convertapi_sandbox.converters import kinds
from convertapi_sandbox.converters.model import Converter, Output, Parameter, Task
from convertapi_sandbox.converters.page_range import read_page_range
from convertapi_sandbox.converters.pdf_pages import keep_pages
from convertapi_sandbox.converters.program import run
from convertapi_sandbox.errors import conversion_error

__all__ = ["CONVERTERS", "PAIRS", "is_installed"]

_TEXTS: Final = ("docx", "doc", "odt", "rtf")
_SHEETS: Final = ("xlsx", "xls", "ods")
_SLIDES: Final = ("pptx", "ppt", "odp")

PAIRS: Final = frozenset(
    {(source, "pdf") for source in (*_TEXTS, *_SHEETS, *_SLIDES)}
    | {("doc", "docx"), ("doc", "odt"), ("xls", "xlsx"), ("xlsx", "ods"), ("ods", "xlsx")}
    | {("ppt", "pptx"), ("pptx", "odp"), ("odp", "pptx"), ("xlsx", "csv"), ("xls", "csv")}
)


def is_installed() -> bool:
    """Tell whether LibreOffice is there."""
    return shutil.which("soffice") is not None


def _convert(task: Task) -> Sequence[Output]:
    """Turn an office document into another format."""
    source = task.folder / f"document.{task.source_format}"
    source.symlink_to(task.source.path)
    finished = run(
        [
            shutil.which("soffice") or "soffice",
            # Of its own for each run: two runs with one profile block each other.
            f"-env:UserInstallation={(task.folder / 'profile').as_uri()}",
            "--headless",
            "--norestore",
            "--convert-to",
            task.target_format,
            "--outdir",
            "out",
            source.name,
        ],
        folder=task.folder,
        timeout_s=task.timeout_s,
    )
    target = task.folder / "out" / f"document.{task.target_format}"
    # LibreOffice exits with 0 even if it could not load the document.
    if finished.status or not target.is_file():
        raise conversion_error(5002)
    return [Output(keep_pages(target, task.options.get("PageRange")))]


_PASSWORD: Final = Parameter("Password", kinds.text, default=None)

CONVERTERS: Final = (
    Converter(
        pairs=frozenset(pair for pair in PAIRS if pair[1] == "pdf"),
        run=_convert,
        parameters=(_PASSWORD, Parameter("PageRange", read_page_range, default=None)),
    ),
    Converter(
        pairs=frozenset(pair for pair in PAIRS if pair[1] != "pdf"),
        run=_convert,
        parameters=(_PASSWORD,),
    ),
)
