"""A test sees the tracebacks in its children's logs, and only those that are new."""

from __future__ import annotations

import json
import sys

import pytest

from local_stack.process import Child

RAISES = """
def below():
    return 1 / 0

try:
    below()
except ZeroDivisionError as error:
    raise KeyError("a") from error
"""
LOGS_JSON = """
import json, traceback
try:
    {}["a"]
except KeyError:
    print(json.dumps({"event": "stumbled", "exception": traceback.format_exc().strip()}))
print(json.dumps({"event": "submitted"}))
"""


@pytest.fixture
def printed(tmp_path, children_are_watched):
    """Let a child run some code; the exceptions that its log has told of."""

    def run(code):
        child = Child("child", [sys.executable, "-c", code], log=tmp_path / "child.log")
        child.start()
        child.wait_ready(lambda: not child.is_running)
        child.stop()
        return [each.error for each in children_are_watched.found]

    return run


@pytest.mark.tracebacks("KeyError")
def test_exception_that_ends_a_child_is_seen_once_with_what_it_came_of(printed):
    assert printed(RAISES) == ["ZeroDivisionError: division by zero\nKeyError: 'a'"]
    assert printed("print('well')") == ["ZeroDivisionError: division by zero\nKeyError: 'a'"]


@pytest.mark.tracebacks("KeyError")
def test_exception_in_a_log_of_json_is_seen(printed):
    assert printed(LOGS_JSON) == ["KeyError: 'a'"]


def test_child_that_logs_no_exception_is_passed_over(printed):
    assert printed(f"print({json.dumps('Error: Traceback of nothing')!r})") == []
