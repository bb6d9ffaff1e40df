"""Every message that a person can see, in one table: ``messages.md`` beside this file.

The messages are collected from the code wherever it stands, so moving code changes nothing here.
Write the table anew after you have changed a message::

    CONVEYOR_WRITE_MESSAGES=1 python -m pytest tests/unit/test_messages.py

Then read the difference as a reader of the message would: what failed, why, what to do.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from conveyor import errors

ROOT: Final = Path(__file__).parents[2]
TABLE: Final = Path(__file__).with_name("messages.md")
WRITE: Final = "CONVEYOR_WRITE_MESSAGES"
FOLDERS: Final = ("conveyor", "config", "tasks", "workers", "web")
# Messages of live facts are findings, not errors. Those of their settings are errors.
LEFT_OUT: Final = ("conveyor/live/",)
TAKEN_IN: Final = ("conveyor/live/settings.py",)
NOTHING: Final = "Nothing: "
"""Begins the third column of a message that leaves its reader nothing to do, before the reason."""

# What makes a message: its class in the table, and the places of the text and of the cure.
MAKERS: Final = {
    "Problem": ("Problem", 1, None),
    "ProblemResponse": ("Problem", 1, None),
    "_invalid": ("Problem", 0, None),
    "Failure": ("Failure", 1, None),
    "Finding": ("Check", 0, None),
    "Cause": ("Cause", 0, 1),
    "Concern": ("Concern", 1, None),
    "Complaint": ("SettingsError", 1, 2),
}
# Such a variable holds a message, or a part of one.
VARIABLES: Final = frozenset({"message", "detail", "cure", "why", "remedy", "paid"})
CONSTANT: Final = re.compile(r"_?[A-Z][A-Z_]*$")
PUBLIC: Final = frozenset(
    {*errors.__all__, "Problem", "OtherStorage", "RecordingError", "TooLarge"}
)
# These follow the name of a setting, "CONVEYOR_REDIS_URL is wrong: ", or stand in another sentence.
IN_A_SENTENCE: Final = frozenset({"SettingsError", "RecordingError"})

PRIVATE: Final = re.compile(
    r"((?<![Tt]here )\bis no (?!longer)|(?<![Tt]here )\bare no (?!longer)|"
    r"\b(whose|whoever|told|tells|stands|lies|goes on|"
    r"by itself|at once|somebody|nobody|anybody|such as|look at|alone|address on record|"
    r"for want of|can't be had|ours|of yours|takes no)\b)"
)
SECRET: Final = re.compile(r"\{[^}]*(secret|password|token|credential)[^}]*\}", re.IGNORECASE)
# A text of a header, not of a message.
HEADER: Final = re.compile(r"-src |charset=|filename\*=")
IMPERATIVE: Final = re.compile(
    r"\b(Add|Ask|Buy|Call|Check|Choose|Convert|Create|Enqueue|Find|Free|Give|Install|Leave|Let|Make|Mount|Name|Open|"
    r"Pass|Put|Raise|Record|Remove|Repair|Repeat|Replay|Report|Run|See|Send|Set|Shorten|Start|Stop|Try|"
    r"Turn|Unset|Upgrade|Upload|Use|Wait|Write)\b.*$",
    re.IGNORECASE,
)


MUST: Final = re.compile(r"\b(must|needs|can only|accepts only|choose|name) .*$")


@dataclass(frozen=True, order=True)
class Message:
    """A message: which class carries it, its text, and what it tells its reader to do."""

    kind: str
    text: str
    cure: str = ""

    @property
    def row(self) -> str:
        return f"| {self.kind} | {_cell(self.text)} | {_cell(self.cure)} |"


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def _plain(node: ast.AST) -> str:  # noqa: C901, PLR0911 - one way for each form of an expression
    """A placeholder's name, as plain as the expression allows."""
    match node:
        case ast.Name(name):
            return name.strip("_").lower().replace("_", " ")
        case ast.Attribute(ast.Call(ast.Name("type"), [of]), "__name__"):
            return f"type of {_plain(of)}"
        case ast.Attribute(of, "id"):
            return f"{_plain(of)} id"
        case ast.Attribute(_, name):
            return name.strip("_").lower().replace("_", " ")
        case ast.Call(_, [first, *_]):
            return _plain(first)
        case ast.Call(func):
            return _plain(func)
        case ast.GeneratorExp(elt) | ast.ListComp(elt):
            return _plain(elt)
        case ast.Subscript(value) | ast.Starred(value):
            return _plain(value)
        case ast.BinOp(left) if not isinstance(left, ast.Constant):
            return _plain(left)
        case ast.BinOp(_, _, right):
            return _plain(right)
        case ast.IfExp(test) | ast.BoolOp(_, [test, *_]):
            return _plain(test)
    return "…"


def _texts(node: ast.AST | None) -> list[str]:
    """What an expression may say: each of its ways; nothing where it is not a text."""
    match node:
        case ast.Constant(str(text)):
            return [text]
        case ast.JoinedStr(parts):
            return [
                "".join(way)
                for way in product(
                    *(
                        [part.value]
                        if isinstance(part, ast.Constant)
                        else [f"{{{_plain(part.value)}}}"]
                        for part in parts
                    )
                )
            ]
        case ast.IfExp(_, yes, no):
            return [*_texts(yes), *_texts(no)]
        case ast.BinOp(left, ast.Add(), right):
            return ["".join(way) for way in product(_texts(left) or ["…"], _texts(right) or ["…"])]
    return []


def _name(node: ast.AST) -> str:
    return ast.unparse(node).rpartition(".")[2]


def _argument(call: ast.Call, place: int) -> ast.AST | None:
    named = [word.value for word in call.keywords if word.arg in ("detail", "message", "words")]
    return call.args[place] if place < len(call.args) else (named or [None])[0]


def _of_call(call: ast.Call) -> Iterator[Message]:
    kind, place, cure_place = MAKERS[_name(call.func)]
    cures = _texts(_argument(call, cure_place)) if cure_place is not None else []
    for text in _texts(_argument(call, place)):
        yield Message(kind, text, (cures or [""])[0])


def _of_raise(call: ast.Call) -> Iterator[Message]:
    for argument in (*call.args, *(word.value for word in call.keywords)):
        for text in _texts(argument):
            yield Message(_name(call.func), text)


def _values(node: ast.AST) -> Iterator[ast.AST]:
    """The values of a table of messages, however deep."""
    if isinstance(node, ast.Dict):
        for value in node.values:
            yield from _values(value)
    else:
        yield node


def _of_node(node: ast.AST) -> Iterator[Message]:
    match node:
        case ast.Raise(ast.Call(func) as call) if _name(func) not in MAKERS:
            yield from _of_raise(call)
        case ast.Call(func) if _name(func) in MAKERS:
            yield from _of_call(node)
        case ast.Call(func) if _name(func) == "Check":
            detail = _argument(node, 2)
            yield from (Message("Check", text) for text in _texts(detail))
        case ast.Assign([ast.Name(name)], value) if name in VARIABLES:
            yield from (Message("text", text) for text in _texts(value))
        case ast.AnnAssign(ast.Name(name), _, value) if value and CONSTANT.match(name):
            for one in _values(value):
                yield from (Message("text", text) for text in _texts(one))
        case ast.FunctionDef(returns=ast.AST() as returns) if "str" in ast.unparse(returns):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Return):
                    yield from (Message("text", text) for text in _texts(inner.value))


def _is_sentence(text: str) -> bool:
    words = re.findall(r"[A-Za-z']{2,}", re.sub(r"\{[^}]*\}", "", text))
    return len(words) > 2 and not HEADER.search(text) and "\n" not in text


def _sources() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name in TAKEN_IN or not name.startswith(LEFT_OUT):
                yield path


def collect() -> list[Message]:
    """Every message of the code, sorted, each once."""
    found = {
        message
        for path in _sources()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for message in _of_node(node)
        if _is_sentence(message.text) or message.cure or message.kind in PUBLIC
    }
    shown = {message.text for message in found if message.kind != "text"}
    return sorted(item for item in found if item.kind != "text" or item.text not in shown)


def read_table() -> list[Message]:
    """The messages of the committed table."""
    rows = [
        [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in TABLE.read_text("utf-8").splitlines()
        if line.startswith("| ")
    ]
    return [Message(*row) for row in rows[1:]]


def with_cures(found: list[Message], known: list[Message]) -> list[Message]:
    """Messages with what they tell their reader to do: as the table says, else as it reads."""
    cures = {(item.kind, item.text.strip()): item.cure for item in known if item.cure}
    return sorted(
        Message(
            item.kind,
            item.text.strip(),
            item.cure or cures.get((item.kind, item.text.strip())) or _guess(item.text.strip()),
        )
        for item in found
    )


def _guess(text: str) -> str:
    """The first of its last sentences or clauses that begins as an order does."""
    for part in re.finditer(r"(?:^|(?<=[.:;,] )|(?<=or ))", text):
        order = IMPERATIVE.match(text, part.start())
        if order and part.start():
            return order.group()
    said = IMPERATIVE.match(text) or MUST.search(text)
    return said.group() if said else ""


HEAD: Final = """\
# Messages

Every message that a person can see, as the code holds it: which class carries it, what it says,
and the part of it that tells you what to do. Placeholders stand in braces. `test_messages.py`
compares this table with the code, and writes it anew with `CONVEYOR_WRITE_MESSAGES=1`.
Classes that are no errors: `Cause` and `Concern` say what is wrong with a server, `Check` is a line
of `conveyor doctor`, `Failure` is what a conversion ends with, `Problem` is an answer of the web
process, and `text` is a part of another message.

| Class | Message | What to do |
|---|---|---|
"""


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    known = read_table() if TABLE.exists() else []
    found = with_cures(collect(), known)
    if os.environ.get(WRITE):
        TABLE.write_text(HEAD + "\n".join(item.row for item in found) + "\n", "utf-8")
    return found


def test_table_equals_the_messages_of_the_code(messages):
    found, known = {item.row for item in messages}, {item.row for item in read_table()}

    assert sorted(found - known) == [], f"not in {TABLE.name}: write it anew with {WRITE}=1"
    assert sorted(known - found) == [], f"no longer in the code: write {TABLE.name} anew"


def test_collector_finds_each_way_of_making_a_message():
    messages = collect()
    found = {message.kind for message in messages}

    assert {"InvalidRequest", "StorageError", "UnknownConversion", "ValueError"} <= found
    assert {"Problem", "Cause", "Concern", "Check", "Failure", "SettingsError", "text"} <= found
    assert len(messages) > 250


def test_public_message_says_what_to_do_or_why_there_is_nothing(messages):
    silent = [
        item.row
        for item in messages
        if item.kind in PUBLIC and not _is_answered(item) and _is_sentence(item.text)
    ]

    assert silent == []


def _is_answered(item: Message) -> bool:
    if item.cure.startswith(NOTHING):
        return len(item.cure) > len(NOTHING) + 10
    # A setting's cure is a text of its own.
    return bool(item.cure) and (item.cure in item.text or item.kind == "SettingsError")


def test_every_cause_of_a_server_has_a_cure(messages):
    assert [item.row for item in messages if item.kind == "Cause" and not item.cure] == []


def test_public_message_is_a_whole_sentence(messages):
    broken = [
        item.text
        for item in messages
        if item.kind in PUBLIC - IN_A_SENTENCE
        and not re.fullmatch(r"([A-Z{`'/-]|\w+_).*[.…}\"`]", item.text)
    ]

    assert broken == []


def test_no_message_has_a_private_word(messages):
    assert [item.row for item in messages if PRIVATE.search(_said(item))] == []


def _said(item: Message) -> str:
    """The words of a message, without the names of its placeholders."""
    return re.sub(r"\{[^}]*\}", "{}", f"{item.text} {item.cure}")


def test_message_has_one_semicolon_at_most(messages):
    assert [item.text for item in messages if item.text.count(";") > 1] == []


def test_no_message_shows_a_secret(messages):
    assert [item.text for item in messages if SECRET.search(item.text)] == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('raise A("it is gone")', [Message("A", "it is gone")]),
        ('raise A(f"{x.id!r} is {y}")', [Message("A", "{x id} is {y}")]),
        ('raise A("a b" if c else "d e")', [Message("A", "a b"), Message("A", "d e")]),
        ('Cause("is away", "start it")', [Message("Cause", "is away", "start it")]),
        ('message = "it is gone"', [Message("text", "it is gone")]),
        ('def f() -> str:\n    return "it is gone"', [Message("text", "it is gone")]),
        ('other = "it is gone"', []),
    ],
)
def test_messages_of_code_are_collected(code, expected):
    found = [message for node in ast.walk(ast.parse(code)) for message in _of_node(node)]

    assert found == expected
