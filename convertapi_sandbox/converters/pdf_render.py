"""PDF to pictures and text, by PDFium."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from convertapi_sandbox.converters import kinds
from convertapi_sandbox.converters.model import Converter, Output, Parameter, Task
from convertapi_sandbox.converters.page_range import read_page_range
from convertapi_sandbox.converters.pdf_pages import open_pdf, selected_pages
from convertapi_sandbox.converters.program import run_python
from convertapi_sandbox.errors import conversion_error

__all__ = ["CONVERTERS"]

# A page of A4 at this resolution takes 270 MB of memory.
_MAX_RESOLUTION_DPI: Final = 800
_DEFAULT_RESOLUTION_DPI: Final = 150
_MAX_EDGE_PIXELS: Final = 10_000


def _to_pictures(task: Task) -> Sequence[Output]:
    """Draw each page as a picture."""
    options = task.options
    pages = _render(
        task,
        dpi=[options["ImageResolutionH"], options["ImageResolutionV"]],
        width=options["ImageWidth"],
        height=options["ImageHeight"],
        quality=options["ImageQuality"],
    )
    suffix = task.target_format
    paths = [task.folder / f"{page}.{suffix}" for page in pages]
    if len(paths) == 1:
        return [Output(paths[0])]
    return [Output(path, label=f"-{page + 1}") for page, path in zip(pages, paths, strict=True)]


def _to_text(task: Task) -> Sequence[Output]:
    """Take the text out of the pages."""
    _render(task)
    return [Output(task.folder / "text.txt")]


def _render(task: Task, **drawing: Any) -> list[int]:
    password = task.options["Password"]
    reader = open_pdf(task.source.path, password)
    pages = sorted(set(selected_pages(reader, task.options["PageRange"])))
    order = {"format": task.target_format, "password": password, "pages": pages, **drawing}
    finished = run_python(
        "render_pdf.py",
        [str(task.source.path)],
        folder=task.folder,
        timeout_s=task.timeout_s,
        stdin=json.dumps(order).encode(),
    )
    if finished.status:
        raise conversion_error(5002)
    return pages


_COMMON: Final = (
    Parameter("PageRange", read_page_range, default=None),
    Parameter("Password", kinds.text, default=None),
)
_RESOLUTION: Final = kinds.integer(10, _MAX_RESOLUTION_DPI)
_EDGE: Final = kinds.integer(1, _MAX_EDGE_PIXELS)

CONVERTERS: Final = (
    Converter(
        pairs=frozenset({("pdf", "png"), ("pdf", "jpg")}),
        run=_to_pictures,
        parameters=(
            *_COMMON,
            Parameter("ImageResolutionH", _RESOLUTION, default=_DEFAULT_RESOLUTION_DPI),
            Parameter("ImageResolutionV", _RESOLUTION, default=_DEFAULT_RESOLUTION_DPI),
            Parameter("ImageWidth", _EDGE, default=None),
            Parameter("ImageHeight", _EDGE, default=None),
            Parameter("ImageQuality", kinds.integer(10, 100), default=85),
        ),
    ),
    Converter(pairs=frozenset({("pdf", "txt")}), run=_to_text, parameters=_COMMON),
)
