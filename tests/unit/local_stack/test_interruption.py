from __future__ import annotations

import os
import signal

import pytest

from local_stack.interruption import ended_by_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_interrupts_and_later_ones_are_ignored(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    steps: list[str] = []

    with pytest.raises(KeyboardInterrupt), ended_by_signals():
        _work_until(number, steps)

    assert steps == ["ended in peace"]
    assert signal.getsignal(number) is before


def _work_until(number: signal.Signals, steps: list[str]) -> None:
    try:
        os.kill(os.getpid(), number)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        steps.append("ended in peace")
