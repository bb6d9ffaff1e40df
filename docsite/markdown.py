"""Markdown, written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["code", "sentence", "table"]


def code(text: str) -> str:
    """A name as code; nothing where there is none."""
    return f"`{text}`" if text else ""


def sentence(text: str) -> str:
    """A description as a sentence: with a capital, and with a full stop."""
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if not text or text.endswith((".", "!", "?")) else ".")


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table.

    Args:
        headings: Of the columns.
        rows: The cells of each row, as Markdown.
    """
    titles = list(headings)
    return "\n".join([_row(titles), _row(["---"] * len(titles)), *_rows(rows), ""])


def _rows(rows: Iterable[Iterable[str]]) -> Iterator[str]:
    return (_row(row) for row in rows)


def _row(cells: Iterable[str]) -> str:
    texts = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(texts)} |"
