"""Typst markup to PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from noto_cjk_sans_otc import FONT_PATH

from convertapi_sandbox.converters.program import run_python
from convertapi_sandbox.errors import conversion_error

__all__ = ["compile_pdf"]

# What pandoc's fragments take for granted, and fonts for Latin, Greek, Cyrillic and CJK text.
# Without `cjk-latin-spacing: none` the text of the PDF holds spaces that no author wrote.
_PREAMBLE: Final = """\
#set page(paper: "{paper}", flipped: {flipped}, margin: 2cm)
#set text(
  font: ("Libertinus Serif", "Noto Sans CJK SC"), size: 11pt, cjk-latin-spacing: none,
)
#set par(justify: false)
#set smartquote(enabled: false)
#set table(inset: 6pt, stroke: 0.4pt)
#show raw: set text(font: ("DejaVu Sans Mono", "Noto Sans Mono CJK SC"))
#let horizontalrule = line(start: (25%, 0%), end: (75%, 0%))

"""


def compile_pdf(
    markup: str, *, folder: Path, paper: str, landscape: bool, timeout_s: float
) -> Path:
    """Set markup as a PDF.

    Args:
        markup: Typst, as pandoc writes it without a template.
        folder: Where the markup's pictures are and the PDF goes.
        paper: Typst's name of the paper, such as `a4`.
        landscape: Whether the long edge lies.
        timeout_s: Bound of the run.

    Raises:
        ApiError: 5000, it took too long; 5001, it cannot be set.
    """
    preamble = _PREAMBLE.format(paper=paper, flipped=str(landscape).lower())
    (folder / "document.typ").write_text(preamble + markup, encoding="utf-8")
    finished = run_python(
        "compile_typst.py",
        [str(FONT_PATH.parent)],
        folder=folder,
        timeout_s=timeout_s,
    )
    if finished.status:
        raise conversion_error(5001, "The document cannot be typeset.")
    return folder / "document.pdf"
