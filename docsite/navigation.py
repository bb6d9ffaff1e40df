"""The navigation: `mkdocs.yml` says its order, and a folder in it stands for the pages it holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

__all__ = ["expanded"]

_LINK: Final = re.compile(r"\]\(([\w-]+\.md)[)#]")


def expanded(nav: Iterable[Any], docs: Path) -> list[Any]:
    """Put the pages of a folder where the navigation names the folder.

    Args:
        nav: As `mkdocs.yml` has it. An entry that ends in ``/`` is a folder below `docs`.
        docs: The folder of the pages.

    Returns:
        The navigation with pages alone. A folder's ``index.md`` comes first, then the pages in the
        order in which it links to them, then the others by name. Sections without a page are left
        out.
    """
    return [entry for item in nav for entry in _entries(item, docs)]


def _entries(item: Any, docs: Path) -> Iterator[Any]:
    if isinstance(item, str) and item.endswith("/"):
        yield from (f"{item}{name}" for name in _ordered(docs / item))
    elif isinstance(item, dict):
        yield from (entry for title, inner in item.items() for entry in _titled(title, inner, docs))
    else:
        yield item


def _ordered(folder: Path) -> list[str]:
    index = folder / "index.md"
    text = index.read_text(encoding="utf-8") if index.exists() else ""
    linked = [index.name, *_LINK.findall(text)]
    names = (path.name for path in folder.glob("*.md"))
    return sorted(names, key=lambda name: ([*linked, name].index(name), name))


def _titled(title: str, inner: Any, docs: Path) -> Iterator[dict[str, Any]]:
    if isinstance(inner, str):
        yield {title: inner}
    elif pages := expanded(inner, docs):
        yield {title: pages}
