from __future__ import annotations

import pytest

from conveyor import errors
from conveyor.cli.failures import Interrupted, MissingExtra, explain


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.ConveyorError("x"), 1),
        (errors.SettingsError("x"), 2),
        (errors.InvalidRequest("x"), 2),
        (MissingExtra("x"), 2),
        (errors.BrokerUnavailable("x"), 1),
        (errors.LedgerUnavailable("x"), 1),
        (errors.StorageError("x"), 1),
        (errors.UnknownConversion("x"), 1),
        (errors.AccountHeld("x"), 1),
        (errors.ConversionCancelled("x"), 1),
        (errors.WaitTimeout("x"), 3),
        (Interrupted("x"), 130),
    ],
)
def test_each_error_has_its_status_and_its_own_words(error, status):
    explained = explain(error)
    assert (explained.line, explained.status) == ("x", status)


def test_a_failed_conversion_says_code_and_next_step():
    failed = errors.ConversionFailed("Damaged. Check it.", 5002, 500, "input", "some-id")
    explained = explain(failed)
    line, status = explained.line, explained.status
    assert status == 1
    assert line == "Damaged. Check it. (code 5002) See: conveyor dead show some-id"


def test_server_message_can_not_break_the_line():
    line = explain(errors.ConversionFailed("a\nb\x1b]0;title\x07")).line
    assert "\n" not in line
    assert "\x1b" not in line


def test_the_unexpected_is_named_without_its_text():
    def fail():
        raise RuntimeError("redis://:hush@host")

    with pytest.raises(RuntimeError) as raised:
        fail()
    explained = explain(raised.value)
    line, status = explained.line, explained.status
    assert status == 1
    assert "RuntimeError in fail, line " in line
    assert "hush" not in line
