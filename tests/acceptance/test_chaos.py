"""`make chaos` in short: two of its cases, with fewer conversions.

What the others break is broken elsewhere, too: workers in `test_worker_ends.py` and `crash`, and
submits in `test_dead_letters.py` and `tests/integration/tasks/test_pay_once.py`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos import cases
from chaos.build import Build
from chaos.rules import Rules
from chaos.scene import Case, run
from conveyor.domain.conversion import Failure, FailureKind, State
from conveyor.ledger.keys import Keys
from conveyor.ledger.records import dump_failure

KEYS = Keys()

CONVERSIONS = 40
CASE = {case.name: case for case in cases.CASES}


# Celery logs what goes back to a broker whose Redis is switched.
@pytest.mark.tracebacks("Reject")
@pytest.mark.parametrize(
    ("name", "dialect"),
    [("Valkey switched", "both"), ("every message twice", "query")],
)
def test_every_promise_is_kept(name, dialect, tmp_path):
    build = replace(CASE[name].build, duration="1-3")
    # How fast this machine is, is no promise.
    rules = replace(CASE[name].rules, deadline_s=400.0, settle_s=100.0)
    case = replace(CASE[name], build=build, rules=rules)
    verdict = run(case, dialect, CONVERSIONS, tmp_path, seed=1)
    assert verdict.broken == ()
    assert (verdict.lost, verdict.duplicates, verdict.violations) == (0, 0, 0)
    assert (verdict.mistold, verdict.late) == (0, 0)
    assert verdict.is_kept


def test_the_judge_sees_what_we_break_ourselves(tmp_path, until):
    def sabotage(scene):
        scene.enqueue()
        scene.client.delete(KEYS.conversion(scene.load.ids[0]))
        document = scene.fleet.service.upload("twice.txt", b"paid twice\n")
        for _ in range(2):
            scene.conveyor.convert(document, to="zip", from_format="any").wait(timeout=90)
        scene.conveyor.handle(scene.load.ids[1]).wait(timeout=90)
        until(lambda: all(state.is_final for state in scene.load.entries.states().values()))
        unpaid = Failure(FailureKind.SERVICE, "Not submitted. Nothing was paid.")
        scene.client.hset(
            KEYS.conversion(scene.load.ids[1]),
            mapping={"state": State.FAILED.value, "failure": dump_failure(unpaid)},
        )

    case = Case(
        name="sabotage",
        strike=sabotage,
        build=Build(duration="0-1"),
        # So long it looks for what never comes.
        rules=Rules(deadline_s=5),
    )
    verdict = run(case, "path", 5, tmp_path, seed=1)
    # Of one nothing is on record, and of one two different things are.
    assert verdict.lost == 2
    assert verdict.duplicates == 1
    assert verdict.mistold == 1
    assert any("is called unpaid, and was charged" in line for line in verdict.broken)
    assert not verdict.is_kept
