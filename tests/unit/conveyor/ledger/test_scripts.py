"""What every script for Redis keeps to, read from its text. Its behaviour is tested at a server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conveyor.ledger.due import KIND_OF
from conveyor.ledger.scripts import script

FILES = sorted((Path(__file__).parents[4] / "conveyor" / "ledger" / "scripts").glob("*.lua"))


def _is_beginning(file):
    """Whether other scripts begin with it: it has no keys of its own."""
    line = f"\n-- begins with {file.name}\n"
    return any(line in other.read_text(encoding="utf-8") for other in FILES)


WHOLE = [file.stem for file in FILES if not _is_beginning(file)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_script_states_its_keys_arguments_and_answer(file):
    text = file.read_text(encoding="utf-8")
    told = ["-- returns"] if _is_beginning(file) else ["-- KEYS[1", "-- ARGV", "-- returns"]

    assert [words for words in told if words not in text] == []


def test_scripts_read_the_same_table_of_due_work_as_python():
    (line,) = re.findall(r"^local KIND_OF = {(.*)}$", script("claim"), re.MULTILINE)
    rows = [row.split(" = ") for row in line.split(", ")]

    assert {state: kind.strip("'") for state, kind in rows} == KIND_OF


# What Redis gives a script, and what of Lua's own we use.
GIVEN = frozenset(
    {
        *("KEYS", "ARGV", "redis", "cjson"),
        *("error", "ipairs", "math", "pairs", "pcall", "string", "table"),
        *("tonumber", "tostring", "type", "unpack"),
    }
)
_WORDS = frozenset(
    {
        *("and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in"),
        *("local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while"),
    }
)
_TOKEN = re.compile(
    r"""
    (?P<comment>--\[\[.*?\]\]|--[^\n]*)
    |(?P<text>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")
    |(?P<number>\d[\w.]*)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<sign>\.\.\.|\.\.|==|~=|<=|>=|[^\s\w])
    """,
    re.VERBOSE | re.DOTALL,
)


class Scan:
    """Reads a script once, and notes each name that no scope around it declares."""

    def __init__(self, text):
        self.tokens = [
            (found.lastgroup, found[0])
            for found in _TOKEN.finditer(text)
            if found.lastgroup not in ("comment", "text", "number")
        ]
        self.place = 0
        self.scopes = [set(GIVEN)]
        self.undeclared = set()
        self.loop = []
        self.open = []

    def run(self):
        while self.place < len(self.tokens):
            kind, word = self.tokens[self.place]
            if kind == "name" and word in _WORDS:
                self._word(word)
            elif kind == "name":
                self._name(word)
            elif word in "{([":
                self.open.append(word)
            elif word in "})]":
                self.open.pop()
            self.place += 1
        assert len(self.scopes) == 1
        return self.undeclared

    def _peek(self, by):
        at = self.place + by
        return self.tokens[at][1] if 0 <= at < len(self.tokens) else ""

    def _names(self):
        """The names of a list that begins after this word, and leave it behind."""
        names = []
        while self.tokens[self.place + 1][0] == "name" and self._peek(1) not in _WORDS:
            names.append(self._peek(1))
            self.place += 1
            if self._peek(1) != ",":
                break
            self.place += 1
        return names

    def _word(self, word):
        if word in ("end", "until", "else", "elseif"):
            self.scopes.pop()
        if word in ("do", "then", "repeat", "else"):
            self.scopes.append(set(self.loop if word == "do" else ()))
        if word == "do":
            self.loop = []
        elif word == "for":
            self.loop = self._names()
        elif word == "local" and self._peek(1) != "function":
            self.scopes[-1].update(self._names())
        elif word == "function":
            self._function()

    def _function(self):
        named = self._names()
        if self._peek(-2 if named else -1) == "local":
            self.scopes[-1].update(named)
        else:
            self.undeclared.update(named)
        self.place += 1
        assert self._peek(0) == "("
        self.scopes.append(set(self._names()))
        # The loop below would take this bracket's end for one of its own.
        self.open.append("(")

    def _name(self, name):
        is_field = self._peek(-1) in (".", ":")
        is_key = self.open[-1:] == ["{"] and self._peek(-1) in ("{", ",") and self._peek(1) == "="
        if not is_field and not is_key and not any(name in scope for scope in self.scopes):
            self.undeclared.add(name)


@pytest.mark.parametrize("name", WHOLE)
def test_no_script_uses_a_name_that_it_does_not_declare(name):
    """Redis raises for it, and only when the line is reached."""
    assert Scan(script(name)).run() == set()


@pytest.mark.parametrize(
    ("text", "undeclared"),
    [
        ("return claimed", {"claimed"}),
        ("local bound = 1 return claimed", {"claimed"}),
        ("if KEYS[1] then local inner = 1 end return inner", {"inner"}),
        ("if KEYS[1] then local a = 1 else return a end", {"a"}),
        ("for _, it in ipairs(KEYS) do local x = it end return it, x", {"it", "x"}),
        ("local function f(a) return a + b end return a", {"a", "b"}),
        ("function f() end", {"f"}),
        ("x = 1", {"x"}),
        ("local t = {a = b, [c] = 1, d}", {"b", "c", "d"}),
        ("return os.time()", {"os"}),
    ],
)
def test_an_undeclared_name_is_seen(text, undeclared):
    assert Scan(text).run() == undeclared


@pytest.mark.parametrize(
    "text",
    [
        "local t = {a = 1, b = {c = 2}} return t.a, t.b.c",
        "local function f(a, b) return f(b, a) end",
        "local f = function(a) return a end return f('b -- c')",
        "for place = 1, #KEYS, 2 do redis.call('GET', KEYS[place]) end -- nothing = here",
        "local n = 0 while n < 1 do n = n + 1 end repeat local x = n until n > 1",
        "local a, b = unpack(KEYS) if a then b = 1 elseif b then a = 1 else a = b end",
    ],
)
def test_a_declared_name_is_not_a_fault(text):
    assert Scan(text).run() == set()
