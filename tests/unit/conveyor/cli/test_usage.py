"""Every kind of usage error is one line: what is wrong, what was meant, where to look."""

from __future__ import annotations

import json
import shlex
import sys

import pytest

from conveyor import __main__

KINDS = {
    "--nonsense": "There is no option --nonsense. See: conveyor --help",
    "convert a --to pdf --tmeout 3": (
        "There is no option --tmeout. Did you mean --timeout? See: conveyor convert --help"
    ),
    "lsit": "There is no command 'lsit'. Did you mean list? See: conveyor --help",
    "xyzzy": "There is no command 'xyzzy'. See: conveyor --help",
    "dead lst": "There is no command 'lst'. Did you mean list? See: conveyor dead --help",
    "get": "ID is missing. See: conveyor get --help",
    "convert": "SOURCE is missing. See: conveyor convert --help",
    "convert a.docx": "--to is missing. See: conveyor convert --help",
    "completion": "SHELL is missing. See: conveyor completion --help",
    "convert a --to": "Option '--to' requires an argument. See: conveyor convert --help",
    "list --json=3": "Option '--json' does not take a value. See: conveyor list --help",
    "get a b": "There are more arguments than the command takes: b. See: conveyor get --help",
    "list --limit x": "--limit is wrong: it must be a valid integer. See: conveyor list --help",
    "list --limit 0": (
        "--limit is wrong: it must be greater than or equal to 1. See: conveyor list --help"
    ),
    "wait a --timeout soon": (
        "--timeout is wrong: it must be a valid number. See: conveyor wait --help"
    ),
    "list --state quued": (
        "--state is wrong: 'quued' is not one of 'queued', 'converting', 'ready', 'succeeded', "
        "'failed', 'expired', 'cancelled'. See: conveyor list --help"
    ),
    "sandbox --prot 1": (
        "There is no option --prot. Did you mean --port? See: conveyor sandbox --help"
    ),
}


@pytest.fixture
def conveyor(monkeypatch, capsys):
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["conveyor", *arguments])
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


@pytest.mark.parametrize(("typed", "line"), KINDS.items(), ids=[*KINDS])
def test_usage_error_is_one_line_and_status_2(conveyor, typed, line):
    assert conveyor(*shlex.split(typed)) == (2, "", f"error: {line}\n")


def test_usage_error_is_an_object_where_json_is_asked_for(conveyor):
    status, out, err = conveyor("list", "--limit", "0", "--json")

    assert (status, out) == (2, "")
    assert json.loads(err) == {"error": KINDS["list --limit 0"], "status": 2}


def test_json_after_two_hyphens_is_an_argument_and_asks_for_nothing(conveyor):
    _, _, err = conveyor("get", "a", "--", "--json")

    assert err.startswith("error: There are more arguments")


def test_control_characters_of_what_was_typed_stay_off_the_terminal(conveyor):
    _, _, err = conveyor("get", "a", "\x1b]0;title\x07\nnext")

    assert err.count("\n") == 1
    assert "\x1b" not in err


@pytest.mark.parametrize("group", ["dead", "account", "storage"])
def test_group_of_commands_alone_shows_its_help(conveyor, group):
    status, out, err = conveyor(group)

    assert (status, out) == (2, "")
    assert err.startswith(f"Usage: conveyor {group}")
