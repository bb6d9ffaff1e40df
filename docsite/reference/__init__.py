"""The reference, made from the code: a module a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from docsite.reference import command_line, events, http, ledger, library, metrics, testing

__all__ = ["REFERENCE"]

REFERENCE: Final[Mapping[str, Callable[[], str]]] = {
    f"reference/{name}.md": make
    for name, make in (
        ("library", library.page),
        ("testing", testing.page),
        ("http", http.page),
        ("command-line", command_line.page),
        ("metrics", metrics.page),
        ("events", events.page),
        ("ledger", ledger.page),
    )
}
"""What makes a page's Markdown, by the page's path on the site."""
