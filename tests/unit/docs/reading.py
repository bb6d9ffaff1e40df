"""What the documents hold: their links, headings, blocks of code and code spans."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "[!.]*/*.md", "docs/*/*.md", "examples/*/*.md", "benchmarks/*/*.md")
    for path in ROOT.glob(pattern)
    # Filled in by `make bench`: the page that comes of it is here, too.
    if not path.name.endswith(".template.md")
)

_MARKDOWN = MarkdownIt("commonmark").enable("table")
_ATTRIBUTE = re.compile(r'\b(?:src|srcset|href)="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """A block of code."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self):
        return f"{self.page}:{self.line}"


@cache
def tokens(page):
    """A page as CommonMark reads it."""
    return _MARKDOWN.parse((ROOT / page).read_text(encoding="utf-8"))


def _inline(page):
    for token in tokens(page):
        yield from token.children or ()


def blocks(*languages, pages=PAGES):
    """The blocks of code in these languages; "" stands for those that are indented."""
    for page in pages:
        for token in tokens(page):
            if token.type in ("fence", "code_block"):
                words = token.info.split()
                block = Block(page, token.map[0] + 1, words[0] if words else "", token.content)
                if not languages or block.language in languages:
                    yield block


def spans(page):
    """The code spans of a page."""
    return [each.content for each in _inline(page) if each.type == "code_inline"]


def links(page):
    """What a page points to: links, pictures, and those of its HTML."""
    for token in (*tokens(page), *_inline(page)):
        if token.type in ("html_block", "html_inline"):
            yield from _ATTRIBUTE.findall(token.content)
        yield from (token.attrs[name] for name in ("href", "src") if name in token.attrs)


@cache
def anchors(page):
    """The anchors of a page's headings, as GitHub and the site make them."""
    seen = {}
    found = tokens(page)
    for at, token in enumerate(found):
        if token.type == "heading_open":
            slug = _slug(_plain(found[at + 1]))
            seen[slug] = seen.get(slug, -1) + 1
    return {
        slug if not n else f"{slug}-{n}" for slug, most in seen.items() for n in range(most + 1)
    }


def _plain(token):
    return "".join(each.content for each in token.children if each.type in ("text", "code_inline"))


def _slug(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
