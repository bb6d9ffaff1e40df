"""The runbook's table of log lines is what the code logs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDERS = ("conveyor", "tasks", "workers", "web")
LEVELS = {level: level for level in ("debug", "info", "warning", "error")} | {"exception": "error"}


def _is_log_line(node):
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
    )


def _logged():
    """Events by name, with their levels. What begins with a capital is a sentence."""
    for path in (each for folder in FOLDERS for each in (ROOT / folder).rglob("*.py")):
        for node in filter(_is_log_line, ast.walk(ast.parse(path.read_text(encoding="utf-8")))):
            name = node.args[0].value.partition(" ")[0]
            if name.islower():
                yield name, LEVELS[node.func.attr]


def _told():
    page = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    section = page.partition("\n## Log lines\n")[2].partition("\n## ")[0]
    for names, level in re.findall(r"^\| (`.+?`) \| (\w+) \| .+ \|$", section, re.MULTILINE):
        for name in re.findall(r"`(\w+)`", names):
            yield name, level


def test_every_log_line_is_in_the_runbook_with_its_level():
    told = list(_told())

    assert sorted(told) == sorted(set(_logged()))
