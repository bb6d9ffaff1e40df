"""How soon workers that were killed are back at every conversion."""

from __future__ import annotations

import time
from typing import Final

from chaos.build import Build
from chaos.rules import Rules
from chaos.scene import Case, Scene
from conveyor.domain.conversion import State
from conveyor.ledger.keys import Keys

__all__ = ["BACK_TO_WORK_CASES"]

_WORKED_ON_S: Final = 15.0
# What is due for no longer than that is in good time.
_LATE_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.25
_CRASHES: Final = Rules(crashes=True)


def _back_to_work(scene: Scene) -> None:
    """All workers are killed while the service has every job; when is each looked at again?"""
    scene.enqueue()
    while not _all_submitted(scene):
        time.sleep(_LOOK_EVERY_S)
    scene.fleet.kill_all()
    in_hand = scene.load.entries.in_hand()
    began = time.monotonic()
    for worker in scene.fleet.workers:
        worker.start()
    took_s = _until_all_are_worked_on(scene, in_hand, began)
    in_flight = scene.load.entries.in_flight()
    scene.notes.append(
        f"{in_flight} in flight, {len(in_hand)} in hand; all worked on again after {took_s:.1f} s"
    )
    if took_s > _WORKED_ON_S:
        scene.broken.append(f"it took {took_s:.1f} s until all were being worked on again")


def _all_submitted(scene: Scene) -> bool:
    states = scene.load.entries.states()
    return len(states) == scene.count and State.QUEUED not in states.values()


def _until_all_are_worked_on(scene: Scene, in_hand: dict[str, object], began: float) -> float:
    """When one waited for the last time, although it was due: some bells died with the workers."""
    waited_s = 0.0
    while (passed_s := time.monotonic() - began) < 2 * _WORKED_ON_S:
        if _waits_for_nobody(scene, in_hand):
            waited_s = passed_s
        time.sleep(_LOOK_EVERY_S)
    return waited_s


def _waits_for_nobody(scene: Scene, in_hand: dict[str, object]) -> bool:
    turns = scene.load.entries.turns(list(in_hand))
    if any(turns[each] == turn for each, turn in in_hand.items()):
        return True
    late = scene.client.time()[0] - _LATE_S
    return any(scene.client.zcount(due, "-inf", late) for due in Keys().all_due)


BACK_TO_WORK_CASES: Final = (
    Case(
        name="2,000 in flight, all killed",
        strike=_back_to_work,
        build=Build(duration="40-50"),
        rules=_CRASHES,
        least=2000,
    ),
)
