"""The navigation: `mkdocs.yml` says its order, and a folder in it stands for the pages it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["expanded"]


def expanded(nav: Iterable[Any], docs: Path) -> list[Any]:
    """Put the pages of a folder where the navigation names the folder.

    Args:
        nav: As `mkdocs.yml` has it. An entry that ends in ``/`` is a folder below `docs`.
        docs: The folder of the pages.

    Returns:
        The navigation with pages alone, a folder's ``index.md`` first, then by name. Sections
        without a page are left out.
    """
    return [entry for item in nav for entry in _entries(item, docs)]


def _entries(item: Any, docs: Path) -> Iterator[Any]:
    if isinstance(item, str) and item.endswith("/"):
        found = sorted(docs.glob(f"{item}*.md"), key=lambda path: (path.stem != "index", path.stem))
        yield from (path.relative_to(docs).as_posix() for path in found)
    elif isinstance(item, dict):
        yield from (entry for title, inner in item.items() for entry in _titled(title, inner, docs))
    else:
        yield item


def _titled(title: str, inner: Any, docs: Path) -> Iterator[dict[str, Any]]:
    if isinstance(inner, str):
        yield {title: inner}
    elif pages := expanded(inner, docs):
        yield {title: pages}
