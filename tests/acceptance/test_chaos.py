"""The shortened form of `make chaos`: fewer conversions, and the cases that need little time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos import cases
from chaos.fleet import Build
from chaos.judge import Rules
from chaos.scene import Case, run
from conveyor.domain.conversion import Failure, FailureKind, State
from conveyor.ledger.encoding import dump_failure
from conveyor.ledger.keys import Keys

KEYS = Keys()

CONVERSIONS = 40
CASE = {case.name: case for case in cases.CASES}


@pytest.mark.parametrize(
    ("name", "dialect"),
    [
        ("all workers stopped", "both"),
        ("Valkey switched", "both"),
        ("10 % of submits lost", "path"),
        ("every message twice", "query"),
    ],
)
def test_every_promise_is_kept(name, dialect, tmp_path, monkeypatch):
    # That it ends by itself is the promise; within ten seconds it does so where nothing else runs.
    monkeypatch.setattr(cases, "_SHUTDOWN_S", 60.0)
    # Of so few submits one in ten may be none: with this seed the fourth is lost.
    build = replace(CASE[name].build, duration="1-3")
    # How fast this machine is, is no promise.
    rules = replace(CASE[name].rules, deadline_s=400.0, settle_s=100.0)
    case = replace(CASE[name], build=build, rules=rules)
    verdict = run(case, dialect, CONVERSIONS, tmp_path, seed=1)
    assert verdict.broken == ()
    assert (verdict.lost, verdict.duplicates, verdict.violations) == (0, 0, 0)
    assert (verdict.mistold, verdict.late) == (0, 0)
    assert verdict.is_kept


def test_the_judge_is_not_blind(tmp_path):
    """What we break ourselves, it sees."""

    def sabotage(scene):
        scene.enqueue()
        scene.client.delete(KEYS.conversion(scene.load.ids[0]))
        document = scene.fleet.service.upload("twice.txt", b"paid twice\n")
        for _ in range(2):
            scene.conveyor.convert(document, to="zip", from_format="any").wait(timeout=90)
        scene.conveyor.handle(scene.load.ids[1]).wait(timeout=90)
        unpaid = Failure(FailureKind.SERVICE, "Not submitted. Nothing was paid.")
        scene.client.hset(
            KEYS.conversion(scene.load.ids[1]),
            mapping={"state": State.FAILED.value, "failure": dump_failure(unpaid)},
        )

    case = Case(
        name="sabotage",
        failed=sabotage,
        build=Build(duration="0-1"),
        rules=Rules(deadline_s=20),
    )
    verdict = run(case, "path", 5, tmp_path, seed=1)
    # Of one nothing is on record, and of one two different things are.
    assert verdict.lost == 2
    assert verdict.duplicates == 1
    assert verdict.mistold == 1
    assert any("is called unpaid, and was charged" in line for line in verdict.broken)
    assert not verdict.is_kept
