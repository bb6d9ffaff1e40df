"""Pandoc's syntax tree: plain text into it, dangers out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

__all__ = ["API_VERSION", "from_plain_text", "without_dangers"]

API_VERSION: Final = [1, 23, 1]
# What Typst can draw.
_PICTURES: Final = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg"})

_Tree = dict[str, Any]


def from_plain_text(text: str) -> _Tree:
    """Return a tree of literal text: every line a line, no character markup.

    Args:
        text: Lines ended by any of the usual line ends; form feeds part paragraphs.
    """
    lines = text.expandtabs(4).replace("\f", "\n\n").splitlines()
    block = {"t": "LineBlock", "c": [_line(line) for line in lines]}
    return {"pandoc-api-version": API_VERSION, "meta": {}, "blocks": [block] if lines else []}


def _line(line: str) -> list[dict[str, str]]:
    # Runs of spaces are kept, as spaces that neither break nor collapse.
    kept = line.rstrip().replace("  ", "\N{NO-BREAK SPACE} ")
    if kept.startswith(" "):
        kept = "\N{NO-BREAK SPACE}" + kept[1:]
    inlines: list[dict[str, str]] = []
    for position, word in enumerate(kept.split(" ")):
        if position:
            inlines.append({"t": "Space"})
        if word:
            inlines.append({"t": "Str", "c": word})
    return inlines


def without_dangers(node: Any, folder: Path) -> Any:
    """Return a tree that can be typeset and reads no file but the document's own pictures.

    Raw markup of the target language is dropped, and so are pictures that do not lie in the
    folder; their captions stay. Of citations and of links within the document, which Typst
    refuses where the target is missing, the text stays.

    Args:
        node: A tree or a part of one.
        folder: Where pandoc has put the document's pictures.
    """
    if isinstance(node, dict):
        return _without_dangers_in(node, folder)
    if isinstance(node, list):
        return [without_dangers(child, folder) for child in node if not _is_raw(child)]
    return node


def _without_dangers_in(node: dict[str, Any], folder: Path) -> Any:
    kind = node.get("t")
    if kind == "Image" and not _is_own_picture(node["c"][2][0], folder):
        return _text_alone(node["c"][1], folder)
    if kind == "Link" and node["c"][2][0].startswith("#"):
        return _text_alone(node["c"][1], folder)
    if kind == "Cite":
        return _text_alone(node["c"][1], folder)
    return {key: without_dangers(value, folder) for key, value in node.items()}


def _is_raw(node: Any) -> bool:
    return isinstance(node, dict) and node.get("t") in {"RawBlock", "RawInline"}


def _text_alone(inlines: list[Any], folder: Path) -> _Tree:
    return {"t": "Span", "c": [["", [], []], without_dangers(inlines, folder)]}


def _is_own_picture(target: str, folder: Path) -> bool:
    path = (folder / target).resolve()
    own = path.is_relative_to(folder.resolve()) and path.suffix.lower() in _PICTURES
    return own and path.is_file()
