from __future__ import annotations

import signal
from typing import Any

import pytest

from conveyor import ConversionFailed
from local_stack import StartError, demo


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(demo, "LocalStack", fail)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (StartError("worker-1 ended with status 1"), "demo: worker-1 ended with status 1\n"),
        (ConversionFailed("File is damaged.", 5002), "demo: File is damaged. (code 5002)\n"),
        (OSError("no space left on device"), "demo: no space left on device\n"),
    ],
)
def test_a_failure_is_one_line_and_a_status(
    error: Exception,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fail_with(monkeypatch, error)

    assert demo.main() == 1
    assert capsys.readouterr().err == line


def test_an_interruption_has_the_status_of_shells(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())

    assert demo.main() == 128 + signal.SIGINT
    assert capsys.readouterr().err == "demo: interrupted; nothing is left running\n"
