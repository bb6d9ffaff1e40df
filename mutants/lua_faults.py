"""The small faults that can be put into a script that runs inside Redis."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from mutants.fault import Fault, Scope

__all__ = ["faults_of"]

_TOKEN: Final = re.compile(
    r"""(?P<comment>--[^\n]*)
    |(?P<string>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<sign>==|~=|<=|>=|\.\.\.|\.\.|[-+*/%<>=(){}\[\],;:.\#])""",
    re.VERBOSE,
)
_INSTEAD: Final[dict[str, tuple[str, ...]]] = {
    "==": ("~=",),
    "~=": ("==",),
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "and": ("or",),
    "or": ("and",),
    "not": ("",),
    "true": ("false",),
    "false": ("true",),
    "+": ("-",),
    "-": ("+",),
    "*": ("/",),
    "/": ("*",),
    "min": ("max",),
    "max": ("min",),
}
_OPENS: Final = {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}
_BEGINS_BLOCK: Final = ("function", "if", "do", "repeat")
_ENDS_BLOCK: Final = ("end", "until")
# A call that begins a statement stands behind one of these, or behind a whole expression.
_BEFORE_STATEMENT: Final = ("then", "else", "do", "end", "repeat", ")", "}", "]", ";")
# What else may stand before a bracket.
_KEYWORDS: Final = (
    "and",
    "or",
    "not",
    "return",
    "if",
    "elseif",
    "while",
    "until",
    "in",
    "function",
)
_WORD: Final = re.compile(r"'[A-Za-z_:]{1,32}'")
# One more of so many is seldom a fault.
_LARGE: Final = 10
# Any line: which of them a test has run, nobody knows.
_ANYWHERE: Final = Scope(frozenset())


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def faults_of(path: str, text: str) -> list[Fault]:
    """Find every small fault that a script can have.

    Args:
        path: The script's, from the root of the tree.
        text: Its text.

    Returns:
        The faults, in the order of the text.
    """
    tokens = [
        _Token(found.lastgroup or "", found.group(), found.start(), found.end())
        for found in _TOKEN.finditer(text)
    ]
    script = _Script(path, text, [token for token in tokens if token.kind != "comment"])
    return sorted(script.faults(), key=lambda fault: (fault.start, fault.end, fault.new))


def _other(number: str) -> str:
    if "." in number:
        return f"{float(number) * 2 or 1:g}"
    return str(int(number) * 2 if int(number) >= _LARGE else int(number) + 1)


class _Script:
    def __init__(self, path: str, text: str, tokens: list[_Token]) -> None:
        self._path = path
        self._text = text
        self._tokens = tokens

    def faults(self) -> Iterator[Fault]:
        yield from self._of_tokens()
        yield from self._of_conditions()
        yield from self._of_calls()
        yield from self._of_returns()
        yield from self._of_arguments()

    def _of_tokens(self) -> Iterator[Fault]:
        for at, token in enumerate(self._tokens):
            is_sign = token.text == "-" and not self._is_value(at - 1)
            for new in () if is_sign else _INSTEAD.get(token.text, ()):
                yield self._fault(token.start, token.end, new, "operator replaced")
            if token.kind == "number":
                yield self._fault(token.start, token.end, _other(token.text), "constant changed")
            if _WORD.fullmatch(token.text) and not self._is_command(at):
                new = f"{token.text[:-1]}x'"
                yield self._fault(token.start, token.end, new, "constant changed")

    def _is_command(self, at: int) -> bool:
        """Whether it is the name of one of Redis' commands: any test sees another."""
        return self._says(at - 1, "(") and self._tokens[at - 2].text in ("call", "pcall")

    def _is_value(self, at: int) -> bool:
        before = self._tokens[at]
        is_word = before.kind == "word" and before.text not in ("return", "and", "or", "not")
        return is_word or before.kind in ("number", "string") or before.text in ")]"

    def _of_conditions(self) -> Iterator[Fault]:
        for at, token in enumerate(self._tokens):
            if token.text in ("if", "elseif"):
                then = next(n for n in range(at, len(self._tokens)) if self._says(n, "then"))
                start, end = self._tokens[at + 1].start, self._tokens[then - 1].end
                new = f"not ({self._text[start:end]})"
                yield self._fault(start, end, new, "condition negated")

    def _of_calls(self) -> Iterator[Fault]:
        """Delete each call that is a statement by itself."""
        for at, token in enumerate(self._tokens):
            is_name = token.kind == "word" and token.text not in _KEYWORDS
            if is_name and self._begins_statement(at):
                bracket = self._bracket_of_call(at)
                if bracket is not None:
                    end = self._tokens[self._closing(bracket)].end
                    yield self._fault(token.start, end, "", "statement deleted")

    def _begins_statement(self, at: int) -> bool:
        if at == 0:
            return True
        before = self._tokens[at - 1]
        if before.text in _BEFORE_STATEMENT:
            return True
        # An expression has ended: two words or values in a row.
        starts_line = "\n" in self._text[before.end : self._tokens[at].start]
        is_whole = before.kind in ("word", "number", "string")
        return starts_line and is_whole and before.text not in ("return", "and", "or", "not", "in")

    def _bracket_of_call(self, at: int) -> int | None:
        while self._says(at + 1, ".") or self._says(at + 1, ":"):
            at += 2
        return at + 1 if self._says(at + 1, "(") else None

    def _of_returns(self) -> Iterator[Fault]:
        for at, token in enumerate(self._tokens):
            if token.text != "return":
                continue
            last = self._end_of_block(at + 1) - 1
            if last > at and self._text[self._tokens[last].start : self._tokens[last].end] != "nil":
                start, end = self._tokens[at + 1].start, self._tokens[last].end
                yield self._fault(start, end, "nil", "return value replaced")

    def _end_of_block(self, at: int) -> int:
        """The token that ends a block whose last statement is looked at."""
        depth = 0
        for place in range(at, len(self._tokens)):
            text = self._tokens[place].text
            if depth == 0 and text in (*_ENDS_BLOCK, "else", "elseif"):
                return place
            depth += (text in _BEGINS_BLOCK) - (text in _ENDS_BLOCK)
        return len(self._tokens)

    def _of_arguments(self) -> Iterator[Fault]:
        for at, token in enumerate(self._tokens):
            if token.text == "(" and at and self._tokens[at - 1].kind == "word":
                is_symmetric = self._tokens[at - 1].text in ("min", "max")
                # A command's name never stands behind its key.
                first = 1 if self._is_command(at + 1) else 0
                for left, right in () if is_symmetric else pairwise(self._arguments(at)[first:]):
                    yield from self._swapped(left, right)

    def _arguments(self, bracket: int) -> list[tuple[int, int]]:
        """Where each argument of a call begins and ends, in characters."""
        closing, depth, begun, found = self._closing(bracket), 0, bracket + 1, []
        for at in range(bracket + 1, closing + 1):
            token = self._tokens[at]
            if depth == 0 and (token.text == "," or at == closing):
                if at > begun:
                    found.append((self._tokens[begun].start, self._tokens[at - 1].end))
                begun = at + 1
            depth += _OPENS.get(token.text, 0)
        return found

    def _swapped(self, left: tuple[int, int], right: tuple[int, int]) -> Iterator[Fault]:
        one, other = self._text[slice(*left)], self._text[slice(*right)]
        if one != other:
            new = f"{other}{self._text[left[1] : right[0]]}{one}"
            yield self._fault(left[0], right[1], new, "arguments swapped")

    def _closing(self, bracket: int) -> int:
        depth = 0
        for at in range(bracket, len(self._tokens)):
            depth += _OPENS.get(self._tokens[at].text, 0)
            if depth == 0:
                return at
        raise ValueError(f"{self._path}: a bracket is never closed")

    def _says(self, at: int, text: str) -> bool:
        return at < len(self._tokens) and self._tokens[at].text == text

    def _fault(self, start: int, end: int, new: str, what: str) -> Fault:
        return Fault(self._path, start, end, new, what, _ANYWHERE)
