"""What a shell completes, asked as its script asks."""

from __future__ import annotations

import sys

import pytest

from conveyor import __main__
from conveyor.domain.formats import FORMATS, targets_of


@pytest.fixture
def complete(monkeypatch, capsys):
    """The words that bash is offered for the last one."""

    def ask(*words: str) -> list[str]:
        typed = ["conveyor", *words]
        monkeypatch.setenv("_CONVEYOR_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", "\n".join(typed))
        monkeypatch.setenv("COMP_CWORD", str(len(typed) - 1))
        monkeypatch.setattr(sys, "argv", ["conveyor"])
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        assert not ended.value.code
        printed = capsys.readouterr()
        assert printed.err == ""
        return printed.out.split()

    return ask


def test_commands_and_options_are_completed(complete):
    assert complete("sta") == ["status"]
    assert complete("dead", "re") == ["replay"]
    assert complete("convert", "--to") == ["--to", "--together"]


def test_target_is_completed_by_what_the_source_can_become(complete):
    assert complete("convert", "a.docx", "--to", "") == [*targets_of("docx")]
    assert complete("convert", "a", "--from", "pdf", "--to", "r") == [
        target for target in targets_of("pdf") if target.startswith("r")
    ]


def test_target_of_an_unknown_source_is_any(complete):
    assert "docx" in complete("convert", "https://example.com/a", "--to", "d")


def test_format_of_a_source_is_completed(complete):
    assert complete("convert", "-", "--from", "do") == ["doc", "docx", "dotx"]
    assert complete("formats", "") == [*FORMATS]


def test_states_shells_and_classes_are_completed(complete):
    assert complete("list", "--state", "c") == ["converting", "cancelled"]
    assert complete("completion", "") == ["bash", "zsh", "fish"]
    assert complete("dead", "list", "--kind", "s") == ["service", "storage"]


def test_source_is_left_to_the_shell_which_knows_files(complete):
    assert complete("convert", "a") == []


def test_no_id_is_offered_where_nothing_can_be_asked(complete, monkeypatch):
    monkeypatch.setenv("CONVEYOR_STORAGE_URL", "nope://x")

    assert complete("get", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_of_a_shell_asks_this_program(shell, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["conveyor", "completion", shell])
    with pytest.raises(SystemExit) as ended:
        __main__.main()

    assert not ended.value.code
    assert f"_CONVEYOR_COMPLETE=complete_{shell}" in capsys.readouterr().out
