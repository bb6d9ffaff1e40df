"""What the docs say was measured stands in `docs/performance.md`, in the same row and column."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PERFORMANCE = DOCS / "performance.md"
QUOTING = ["why-not-just.md", "explanation/no-slot.md", "explanation/what-a-poll-costs.md"]


def rows_of(page: Path) -> Iterator[list[str]]:
    """The lines of a page's tables, cell by cell; other lines are empty."""
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().split("|")]
        yield cells[1:-1]


def figures_of(page: Path) -> list[tuple[str, str, str, str]]:
    """Load, side, column and figure of each table that begins with load and side."""
    found, head = [], []
    for cells in rows_of(page):
        if not cells:
            head = []
        elif not head:
            head = cells
        elif head[:2] == ["load", "side"] and not cells[0].startswith("-"):
            found += [
                (cells[0], cells[1], column, figure)
                for column, figure in zip(head[2:], cells[2:], strict=True)
            ]
    return found


@pytest.mark.parametrize("name", QUOTING)
def test_figures_of_the_page_were_measured(name):
    quoted = figures_of(DOCS / name)

    assert quoted
    assert [figure for figure in quoted if figure not in figures_of(PERFORMANCE)] == []


def test_run_is_named_as_it_was():
    page = (DOCS / "why-not-just.md").read_text(encoding="utf-8")
    measured = PERFORMANCE.read_text(encoding="utf-8")

    for word in ("2026-11-26", "Python 3.11.7", "Linux"):
        assert word in page
        assert word in measured
