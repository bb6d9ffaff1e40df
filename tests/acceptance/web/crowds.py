"""Crowds of small conversions whose ends the service calls out, and what each has cost."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from conveyor import State
from workers.local.stack import LocalStack

# As the service's.
SPACING_S = 5.0
MOST_POLLS = 1.05


def stack_with_webhooks(duration, *faults, dialect="auto", **settings):
    """Two workers, which log little: what is measured is the polls."""
    return LocalStack(
        workers=2,
        concurrency=32,
        spacing=SPACING_S,
        dialect=dialect,
        web=True,
        webhooks=True,
        sandbox_options=("--duration", duration, *faults),
        settings={"LOG_LEVEL": "WARNING", **settings},
    )


def convert(conveyor, count):
    """So many small documents at once; returns their conversions, ended.

    They are equal: the sandbox then converts once, and what it charges and audits stays the same.
    """

    def enqueue(number):
        staged = conveyor.stage(f"{number}.md", [b"# Report\n"])
        return conveyor.convert(staged, to="html")

    with ThreadPoolExecutor(8) as threads:
        handles = list(threads.map(enqueue, range(count)))
    return [handle.wait(timeout=240) for handle in handles]


def audit_of(sandbox, until, calls):
    """The audit once it has counted so many calls: a call is counted after it was answered."""
    until(lambda: sandbox.audit()["webhooks_sent"] >= calls)
    return sandbox.audit()


def figures(done, audit):
    """One line of what it has cost, for `pytest -rP`."""
    polls = audit["polls"] / len(done)
    slowest = max(each.ready_at - each.submitted_at for each in done)
    names = ("paid", "polls", "violations", "webhooks_sent", "webhooks_lost")
    counts = ", ".join(f"{name} {audit[name]}" for name in names)
    return f"{len(done)} conversions: {polls:.3f} polls each, slowest {slowest:.1f} s; {counts}"


def check(done, audit, most_polls):
    """All succeeded, each was paid once, and each took no more than so many polls on average."""
    assert Counter(each.state for each in done) == {State.SUCCEEDED: len(done)}
    assert Counter(each.cost for each in done) == {1: len(done)}
    assert audit["paid"] == len(done)
    assert audit["violations"] == 0
    assert audit["polls"] == sum(each.polls for each in done)
    assert audit["polls"] <= most_polls * len(done)
