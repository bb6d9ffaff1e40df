"""The small faults that can be put into a Python module."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from mutants.fault import Fault, Scope

__all__ = ["compiles", "faults_of"]

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Place = ast.expr | ast.stmt | ast.keyword

_COMPARED: Final[dict[type[ast.cmpop], tuple[str, tuple[str, ...]]]] = {
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: (r"is\s+not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: (r"not\s+in", ("in",)),
}
_CALCULATED: Final[dict[type[ast.operator], tuple[str, str]]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
}
# One more of so many is seldom a fault.
_LARGE: Final = 10
_OPPOSITES: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
# A word that the program reads: a field, a key, a mode. Sentences are for people.
_WORD: Final = re.compile(r"[A-Za-z_:]{2,32}")
# What is written into the log, or tells only how a class is made.
_PASSED_OVER: Final = re.compile(
    r"(log|logger|_log)\.\w+|(dataclasses\.)?dataclass|field|getLogger"
)


def faults_of(path: str, text: str) -> list[Fault]:
    """Find every small fault that a module can have.

    Args:
        path: The module's, from the root of the tree.
        text: Its text.

    Returns:
        The faults, in the order of the text.
    """
    tree = ast.parse(text)
    return list(_Finder(path, _Text(text), tree).faults())


def compiles(fault: Fault, text: str) -> bool:
    """Whether Python can read a file with a fault; any test sees one that it can't.

    Args:
        fault: The fault.
        text: The text of its file.
    """
    if not fault.path.endswith(".py"):
        return True
    try:
        compile(fault.apply(text), fault.path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


class _Text:
    """Places of a syntax tree, which count bytes of a line, as places in the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = text.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def start(self, node: _Place) -> int:
        return self._at(node.lineno, node.col_offset)

    def end(self, node: _Place) -> int:
        return self._at(node.end_lineno or 0, node.end_col_offset or 0)

    def of(self, node: _Place) -> str:
        return self.text[self.start(node) : self.end(node)]

    def _at(self, line: int, column: int) -> int:
        before = self._lines[line - 1].encode()[:column]
        return self._starts[line - 1] + len(before.decode())


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    new: str
    what: str


class _Finder:
    """Walks a module."""

    def __init__(self, path: str, text: _Text, tree: ast.Module) -> None:
        self._path = path
        self._text = text
        self._tree = tree

    def faults(self) -> Iterator[Fault]:
        return self._in_block(self._tree.body, None)

    def _in_block(self, block: list[ast.stmt], function: _Function | None) -> Iterator[Fault]:
        for number, statement in enumerate(block):
            if number == 0 and _is_docstring(statement):
                continue
            yield from self._in_statement(statement, function)

    def _in_statement(self, statement: ast.stmt, function: _Function | None) -> Iterator[Fault]:
        scope = _scope(statement, function)
        for edit in self._edits(statement, function):
            yield Fault(self._path, edit.start, edit.end, edit.new, edit.what, scope)
        inside = statement if isinstance(statement, _Function) else function
        for block in _blocks(statement):
            yield from self._in_block(block, inside)

    def _edits(self, statement: ast.stmt, function: _Function | None) -> Iterator[_Edit]:
        if _is_passed_over(statement):
            return
        yield from self._of_statement(statement, function)
        for node in _expressions(statement):
            yield from self._of_expression(node)

    def _of_statement(self, statement: ast.stmt, function: _Function | None) -> Iterator[_Edit]:
        match statement:
            case ast.Expr(value=ast.Call() | ast.Await()) | ast.Raise() | ast.Delete():
                yield self._instead(statement, "pass", "statement deleted")
            case ast.AugAssign():
                yield self._instead(statement, "pass", "statement deleted")
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) if function:
                yield self._instead(statement, "pass", "assignment deleted")
            case ast.Continue():
                yield self._instead(statement, "break", "loop ended")
            case ast.Break():
                yield self._instead(statement, "continue", "loop goes on")
            case ast.Return(value=ast.expr() as value):
                yield from self._of_return(value, function)
            case ast.If(test=test) | ast.While(test=test):
                yield from self._negated(test)
            case _:
                pass

    def _of_return(self, value: ast.expr, function: _Function | None) -> Iterator[_Edit]:
        returns = function.returns if function else None
        if isinstance(returns, ast.Name) and returns.id == "bool":
            yield from self._negated(value)
        elif not (isinstance(value, ast.Constant) and value.value is None):
            yield self._instead(value, "None", "return value replaced")

    def _negated(self, test: ast.expr) -> Iterator[_Edit]:
        # The comparison itself is turned, and `not` is dropped: see below.
        one = isinstance(test, ast.Compare) and len(test.ops) == 1
        if not one and not isinstance(test, ast.UnaryOp | ast.Constant):
            yield self._instead(test, f"not ({self._text.of(test)})", "condition negated")

    def _of_expression(self, node: ast.AST) -> Iterator[_Edit]:
        match node:
            case ast.Compare():
                yield from self._of_comparison(node)
            case ast.BoolOp(op=operator, values=values):
                pair = ("and", "or") if isinstance(operator, ast.And) else ("or", "and")
                for left, right in pairwise(values):
                    yield from self._between(left, right, *pair)
            case ast.UnaryOp(op=ast.Not()):
                yield self._instead(node, f"({self._text.of(node.operand)})", "`not` dropped")
            case ast.IfExp(test=test):
                yield from self._negated(test)
            case ast.comprehension(ifs=tests):
                for test in tests:
                    yield from self._negated(test)
            case _:
                yield from self._of_other(node)

    def _of_other(self, node: ast.AST) -> Iterator[_Edit]:
        match node:
            case ast.Constant():
                yield from self._of_constant(node)
            case ast.Call():
                yield from self._of_call(node)
            case ast.BinOp(op=binary) if type(binary) in _CALCULATED:
                old, new = _CALCULATED[type(binary)]
                yield from self._between(node.left, node.right, re.escape(old), new)
            case _:
                pass

    def _of_comparison(self, node: ast.Compare) -> Iterator[_Edit]:
        for left, operator, right in zip(
            [node.left, *node.comparators], node.ops, node.comparators, strict=False
        ):
            old, instead = _COMPARED[type(operator)]
            for new in instead:
                yield from self._between(left, right, old, new)

    def _of_constant(self, node: ast.Constant) -> Iterator[_Edit]:
        match node.value:
            case bool():
                yield self._instead(node, str(not node.value), "constant changed")
            case int():
                new = node.value * 2 if node.value >= _LARGE else node.value + 1
                yield self._instead(node, str(new), "constant changed")
            case float():
                yield self._instead(node, repr(node.value * 2 or 1.0), "constant changed")
            case str() if _WORD.fullmatch(node.value):
                yield self._instead(node, repr(f"{node.value}x"), "constant changed")
            case _:
                pass

    def _of_call(self, node: ast.Call) -> Iterator[_Edit]:
        if isinstance(node.func, ast.Name) and node.func.id in _OPPOSITES:
            yield self._instead(node.func, _OPPOSITES[node.func.id], "opposite called")
        is_symmetric = isinstance(node.func, ast.Name) and node.func.id in ("min", "max")
        for left, right in () if is_symmetric else pairwise(node.args):
            if not isinstance(left, ast.Starred) and not isinstance(right, ast.Starred):
                yield from self._swapped(left, right)
        for keyword, next_one in pairwise([*node.keywords, None]):
            if keyword and keyword.arg:
                yield self._dropped(node, keyword, next_one)

    def _swapped(self, left: ast.expr, right: ast.expr) -> Iterator[_Edit]:
        one, other = self._text.of(left), self._text.of(right)
        start, end = self._text.start(left), self._text.end(right)
        between = self._text.text[self._text.end(left) : self._text.start(right)]
        # Parentheses around an argument belong to no node.
        if one != other and between.strip() == ",":
            yield _Edit(start, end, f"{other}{between}{one}", "arguments swapped")

    def _dropped(
        self, call: ast.Call, keyword: ast.keyword, following: ast.keyword | None
    ) -> _Edit:
        end = self._text.start(following) if following else self._text.end(call) - 1
        return _Edit(self._text.start(keyword), end, "", "keyword argument dropped")

    def _between(self, left: ast.expr, right: ast.expr, old: str, new: str) -> Iterator[_Edit]:
        start, end = self._text.end(left), self._text.start(right)
        found = re.search(old, self._text.text[start:end])
        if found:
            yield _Edit(start + found.start(), start + found.end(), new, "operator replaced")

    def _instead(self, node: _Place, new: str, what: str) -> _Edit:
        return _Edit(self._text.start(node), self._text.end(node), new, what)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_passed_over(statement: ast.stmt) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__" | "__slots__" | "log")]):
            return True
        case ast.Expr(value=ast.Call(func=func)):
            return bool(_PASSED_OVER.fullmatch(ast.unparse(func)))
        case _:
            return False


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(statement, name, None)
        if block:
            yield block
    for handler in getattr(statement, "handlers", ()):
        yield handler.body
    for case in getattr(statement, "cases", ()):
        yield case.body


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """Every expression of a statement's own: no annotation, and nothing of its blocks."""
    waiting = [node for node in _children(statement) if not isinstance(node, ast.stmt)]
    while waiting:
        node = waiting.pop(0)
        if _is_log(node):
            continue
        yield node
        waiting.extend(each for each in _children(node) if not isinstance(each, ast.stmt))


def _children(node: ast.AST) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_params", "format_spec"):
            continue
        if isinstance(node, ast.Call) and name == "func" and isinstance(value, ast.Name):
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST) and not isinstance(node, ast.JoinedStr):
                yield each


def _is_log(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and bool(_PASSED_OVER.fullmatch(ast.unparse(node.func)))


def _scope(statement: ast.stmt, function: _Function | None) -> Scope:
    """Where a test must have been to see a fault of this statement."""
    if function is not None:
        return Scope(frozenset(range(statement.lineno, _last_of_head(statement) + 1)))
    if isinstance(statement, _Function):  # a default, or a decorator
        first = statement.body[0].lineno
        return Scope(frozenset(range(first, (statement.end_lineno or first) + 1)))
    return Scope(frozenset(), frozenset(_names(statement)))


def _last_of_head(statement: ast.stmt) -> int:
    """The last line before a statement's first block."""
    first = next((block[0].lineno for block in _blocks(statement)), None)
    end = statement.end_lineno or statement.lineno
    return end if first is None else max(statement.lineno, first - 1)


def _names(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
