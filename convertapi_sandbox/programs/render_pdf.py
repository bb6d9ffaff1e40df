"""Renders pages of a PDF to pictures or text in the working directory.

Usage: render_pdf.py SOURCE, with a JSON object on standard input: `format` (png, jpg, txt),
`password`, `pages` (indices from 0), `dpi` (horizontal, vertical), `width` and `height` in
pixels or null, `quality` for jpg. A program of its own, because PDFium admits one thread only
and a hostile document may crash it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium

__all__ = ["main"]

_POINTS_PER_INCH = 72


def main() -> None:
    """Render what standard input asks for."""
    order: dict[str, Any] = json.load(sys.stdin)
    document = pdfium.PdfDocument(sys.argv[1], password=order["password"])
    render = write_text if order["format"] == "txt" else write_pictures
    render(document, order)


def write_text(document: Any, order: dict[str, Any]) -> None:
    """Write the text of all pages to `text.txt`, pages separated by form feeds.

    Args:
        document: The PDF.
        order: What standard input has asked for.
    """
    pages = (document[index].get_textpage().get_text_range() for index in order["pages"])
    text = "\f".join(page.replace("\r\n", "\n") for page in pages)
    Path("text.txt").write_text(text + "\n", encoding="utf-8")


def write_pictures(document: Any, order: dict[str, Any]) -> None:
    """Write each page to a picture named by its index.

    Args:
        document: The PDF.
        order: What standard input has asked for.
    """
    for index in order["pages"]:
        picture = draw(document[index], order)
        options = {"quality": order["quality"]} if order["format"] == "jpg" else {}
        picture.save(f"{index}.{order['format']}", dpi=tuple(order["dpi"]), **options)


def draw(page: Any, order: dict[str, Any]) -> Any:
    """Draw a page; of two resolutions the finer is drawn and then scaled.

    Args:
        page: One of the document.
        order: What standard input has asked for.
    """
    across, down = order["dpi"]
    picture = page.render(scale=max(across, down) / _POINTS_PER_INCH).to_pil().convert("RGB")
    width = order["width"] or round(page.get_width() * across / _POINTS_PER_INCH)
    height = order["height"] or round(page.get_height() * down / _POINTS_PER_INCH)
    size = max(1, width), max(1, height)
    return picture if picture.size == size else picture.resize(size)


if __name__ == "__main__":
    main()
