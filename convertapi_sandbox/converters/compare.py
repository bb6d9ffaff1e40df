"""Two documents into one that shows what has changed, as tracked changes of Word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from difflib import SequenceMatcher
from itertools import starmap, zip_longest
from typing import Any, Final

from convertapi_sandbox.converters.documents import read_text
from convertapi_sandbox.converters.model import Converter, Output, Takes, Task
from convertapi_sandbox.converters.pandoc import PASSWORD
from convertapi_sandbox.converters.pandoc_program import run_pandoc
from convertapi_sandbox.converters.syntax_tree import API_VERSION

__all__ = ["CONVERTERS"]

_AUTHOR: Final = "Compare"
# Word asks for a date; the documents tell none.
_WHEN: Final = datetime(2000, 1, 1, tzinfo=UTC).isoformat()

_PIECES: Final = re.compile(r"\s+|\S+")

_Inline = dict[str, Any]


def _compare(task: Task) -> Sequence[Output]:
    """Mark what the second document adds to the first, and what it lacks."""
    before, after = (_paragraphs(read_text(task, source)) for source in task.sources)
    blocks = [{"t": "Para", "c": inlines} for inlines in _marked_paragraphs(before, after)]
    tree = {"pandoc-api-version": API_VERSION, "meta": {}, "blocks": blocks}
    target = task.folder / "compared.docx"
    run_pandoc(task, ["--from=json", "--to=docx", f"--output={target.name}"], json.dumps(tree))
    return [Output(target)]


def _paragraphs(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _marked_paragraphs(before: list[str], after: list[str]) -> Iterator[list[_Inline]]:
    for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from map(_inlines, before[a:b])
        else:
            yield from starmap(_marked_words, zip_longest(before[a:b], after[c:d], fillvalue=""))


def _marked_words(before: str, after: str) -> list[_Inline]:
    old, new = _PIECES.findall(before), _PIECES.findall(after)
    inlines: list[_Inline] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            inlines += _inlines("".join(old[a:b]))
            continue
        inlines += [_marked("deletion", "".join(old[a:b]))] if b > a else []
        inlines += [_marked("insertion", "".join(new[c:d]))] if d > c else []
    return inlines


def _marked(change: str, text: str) -> _Inline:
    attributes = ["", [change], [["author", _AUTHOR], ["date", _WHEN]]]
    return {"t": "Span", "c": [attributes, _inlines(text)]}


def _inlines(text: str) -> list[_Inline]:
    return [
        {"t": "Space"} if piece.isspace() else {"t": "Str", "c": piece}
        for piece in _PIECES.findall(text)
    ]


CONVERTERS: Final = (
    Converter(
        pairs=frozenset({("docx", "compare")}),
        run=_compare,
        parameters=(PASSWORD,),
        takes=Takes.PAIR,
    ),
)
