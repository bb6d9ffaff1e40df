"""Every failure says why: where one is made, its reason is named."""

from __future__ import annotations

import ast

import pytest

from conveyor.reasons import FailureKind, Reason, kind_called, reason_called, usual_reason
from local_stack.environment import ROOT

FOLDERS = ("conveyor", "tasks", "workers", "web", "config")
# Positional, or read from a record with all of its fields.
MAKERS = {"Failure": 6, "ConversionFailed": 6}


def _without_a_reason(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MAKERS:
            named = {keyword.arg for keyword in node.keywords}
            # `**fields` has no name.
            if not named & {"reason", None} and len(node.args) < MAKERS[node.func.id]:
                yield node.lineno


def test_every_failure_names_its_reason():
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        for line in _without_a_reason(ast.parse(path.read_text(encoding="utf-8")))
    }

    assert found == set()


@pytest.mark.parametrize("text", ["Failure(kind, 'No.')", "ConversionFailed('No.', kind='input')"])
def test_a_failure_without_a_reason_is_seen(text):
    assert list(_without_a_reason(ast.parse(text)))


@pytest.mark.parametrize("kind", FailureKind)
def test_an_unknown_reason_is_the_usual_one_of_its_class(kind):
    assert reason_called("a later one", kind) is usual_reason(kind)
    assert reason_called("password", kind) is Reason.PASSWORD


def test_an_unknown_class_is_internal():
    assert kind_called("a later one") is FailureKind.INTERNAL
    assert kind_called("input") is FailureKind.INPUT


def test_each_class_has_a_usual_reason_of_its_own():
    assert len({usual_reason(kind) for kind in FailureKind}) == len(FailureKind)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_remedies(reason):
    assert reason.remedies
    assert len(set(reason.remedies)) == len(reason.remedies)
