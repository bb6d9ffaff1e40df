"""``conveyor formats``, which asks nobody."""

from __future__ import annotations

import json
import sys

import pytest

from conveyor import __main__
from conveyor.domain.formats import FORMATS, targets_of


@pytest.fixture
def formats(monkeypatch, capsys):
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["conveyor", "formats", *arguments])
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def test_targets_of_a_format_are_lines(formats):
    assert formats("docx") == (0, "\n".join(targets_of("docx")) + "\n", "")
    assert formats(".JPEG")[1] == formats("jpg")[1]


def test_every_format_is_a_line_with_its_targets(formats):
    status, out, _ = formats()
    rows = dict(line.split("\t") for line in out.splitlines())

    assert status == 0
    assert rows == {name: " ".join(targets) for name, targets in FORMATS.items()}


def test_json_is_one_object_a_format(formats):
    assert json.loads(formats("docx", "--json")[1]) == {
        "from": "docx",
        "to": [*targets_of("docx")],
    }
    lines = [json.loads(line) for line in formats("--json")[1].splitlines()]
    assert [line["from"] for line in lines] == [*FORMATS]


def test_unknown_format_is_refused_with_the_nearest_one(formats):
    status, out, err = formats("dox")

    assert (status, out) == (2, "")
    assert "Nothing is known of the format 'dox'. Did you mean do" in err
