"""The service's rules stand once, in `conveyor.domain.rules`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from conveyor.domain import rules

ROOT = Path(__file__).parents[4]
RULES = ROOT / "conveyor" / "domain" / "rules.py"
MODULES = [
    path
    for name in ("conveyor", "config", "workers", "tasks", "web")
    for path in sorted((ROOT / name).rglob("*.py"))
    if path != RULES
]

NUMBERS = {
    *rules.ACCOUNT_CODES,
    *rules.INPUT_CODES,
    *rules.CURE_BY_CODE,
    rules.INVALID_PARAMETERS,
    rules.MOST_TIMEOUT_S,
    rules.MOST_TIMEOUT_S + 1,
    int(rules.JOB_LIFE_S),
    int(rules.FILE_LIFE_S),
}
TEXTS = (rules.HOST_SUFFIX, rules.FILE_ID.pattern)
# The same number for something else: how long a text may be, how long an operator lets wait.
OTHERS = {
    ("conveyor/live/encodings.py", 4000),
    ("config/account.py", 7200),
    ("config/settings.py", 7200),
}


def _docstrings(tree):
    """What documents a module, a class, a function or a constant: a text that stands by itself."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def _repeats(text, name=""):
    """The vendor's facts that a module states by itself."""
    tree = ast.parse(text)
    told = _docstrings(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in told:
            continue
        if type(node.value) in (int, float) and node.value in NUMBERS:
            if (name, node.value) not in OTHERS:
                yield node.value
        elif isinstance(node.value, str):
            yield from (fact for fact in TEXTS if fact in node.value.lower())
        elif isinstance(node.value, bytes):
            yield from (fact for fact in TEXTS if fact.encode() in node.value)
    yield from (ast.unparse(node) for node in ast.walk(tree) if _is_life(node))


def _is_life(node):
    """``2 * 3600`` and ``3 * 3600``: how long the service keeps jobs and files."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return False
    try:
        return eval(compile(ast.Expression(node), "", "eval"), {}) in NUMBERS
    except NameError:
        return False


def test_no_other_module_repeats_a_rule_of_the_service():
    texts = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in MODULES}
    found = {name: list(_repeats(text, name)) for name, text in texts.items()}

    assert {name: facts for name, facts in found.items() if facts} == {}


@pytest.mark.parametrize(
    "text",
    [
        "CODE = 4014",
        "bounds = range(10, 1201)",
        "LIFE_S = 2 * 3600.0",
        "LIFE_S = 7200",
        "HOST = 'https://eu-v2.convertapi.com'",
        "f'see {x} at v2.convertapi.com'",
        "ID = re.compile(r'[a-z0-9]{32}')",
    ],
)
def test_a_repeated_rule_is_seen(text):
    assert list(_repeats(text))


def test_a_docstring_may_quote_a_rule():
    assert list(_repeats('"""From 10 to 1200, at v2.convertapi.com."""')) == []


def test_the_retry_steps_are_those_of_the_documentation():
    assert [step * rules.LEAST_SPACING_S for step in rules.RETRY_STEPS] == [5, 10, 15]


def test_a_balance_is_not_a_matter_of_credentials():
    assert {rules.BALANCE_USED_UP} == rules.ACCOUNT_CODES - rules.CREDENTIAL_CODES


def test_jobs_live_for_two_hours_and_files_for_three():
    assert (rules.JOB_LIFE_S, rules.FILE_LIFE_S) == (2 * 60 * 60, 3 * 60 * 60)
