from __future__ import annotations

import re

import pytest
from celery import Celery

from conveyor import ConversionFailed, errors

DRAWN = re.findall(
    r"^([│ ├└─]*)(\w+)", errors.__doc__.split("::")[1].split("Every message")[0], re.MULTILINE
)


def _parents_as_drawn():
    """Each class of the drawing with the one above it, by the indent."""
    stack, parents = [], {}
    for branch, name in DRAWN:
        depth = len(branch)
        while stack and stack[-1][0] >= depth:
            stack.pop()
        parents[name] = stack[-1][1] if stack else "Exception"
        stack.append((depth, name))
    return parents


def test_the_tree_is_as_drawn():
    drawn = _parents_as_drawn()

    assert sorted(drawn) == sorted(errors.__all__)
    assert {name: getattr(errors, name).__bases__[0].__name__ for name in drawn} == drawn


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("InvalidRequest", ValueError),
        ("UnknownConversion", LookupError),
        ("WaitTimeout", TimeoutError),
    ],
)
def test_some_are_also_what_a_caller_may_expect(name, builtin):
    assert issubclass(getattr(errors, name), builtin)


@pytest.mark.parametrize(
    "error",
    [
        ConversionFailed("Conversion failed. Replay it later.", 5001, 500, "service", "c1"),
        ConversionFailed("„Ä“", conversion_id="c1"),
    ],
    ids=["full", "without a code"],
)
def test_a_failed_conversion_survives_celerys_results(error):
    """The way of Celery's JSON: encoded where it is raised, made anew where it is read."""
    app = Celery(set_as_current=False, backend="cache+memory://", broker="memory://")
    app.conf.update(result_serializer="json", accept_content=["json"])
    with app:
        backend = app.backend
        stored = backend.decode(backend.encode(backend.prepare_exception(error, "json")))
        read = backend.exception_to_python(stored)

    assert type(read) is ConversionFailed
    assert vars(read) == vars(error)
    assert str(read) == str(error)


@pytest.mark.parametrize(("code", "shown"), [(5001, "Broken. (code 5001)"), (0, "Broken.")])
def test_a_code_is_shown_where_there_is_one(code, shown):
    assert str(ConversionFailed("Broken.", code)) == shown
