"""Webhooks that are lost or doubled change no outcome: the fallback poll finds what was lost.

Alone in its file, because the fallback of a crowd comes after half a minute.
"""

from __future__ import annotations

import time
from contextlib import closing

from .crowds import MOST_POLLS, SPACING_S, check, convert, figures, stack_with_webhooks

LOSSY_CONVERSIONS = 80


def test_lost_and_doubled_calls_change_no_outcome(sandbox_of, tell):
    faults = ("--fault", "lost_webhook=0.2", "--fault", "doubled_webhook=0.2", "--seed", "7")
    with (
        stack_with_webhooks("1-4", *faults, dialect="query") as stack,
        closing(stack.conveyor()) as conveyor,
    ):
        begun = time.monotonic()
        done = convert(conveyor, LOSSY_CONVERSIONS)
        audit = sandbox_of(stack).audit()
    tell(f"{figures(done, audit)}; {time.monotonic() - begun:.1f} s")

    assert audit["webhooks_lost"] > LOSSY_CONVERSIONS * 0.1
    assert audit["faults"]["doubled_webhook"] > LOSSY_CONVERSIONS * 0.1
    # The fallback may once be spread too early below a job whose call was lost.
    check(done, audit, MOST_POLLS + 0.2)
    # The fallback of a crowd, one more poll where the first came too early, and a slow machine.
    latest_s = 30 * 1.1 + SPACING_S + 60
    assert max(each.ready_at - each.submitted_at for each in done) < latest_s
