"""The faults that a fleet meets, one function each; `docs/chaos.md` tells them in words."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from chaos import messages
from chaos.messages import MessageFault
from chaos.scene import Case, Scene
from conveyor.conversion import State

__all__ = ["CASES"]

_KILLS: Final = 5
_FAULT_S: Final = 10.0
_OUTAGE_S: Final = 30.0
_DRIBBLE_S: Final = 40
_SHUTDOWN_S: Final = 10.0
_WORKED_ON_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.25


def _kill_one(scene: Scene) -> None:
    """One of three workers is killed at a random moment and started again, five times."""
    scene.enqueue()
    for _ in range(_KILLS):
        scene.pause(0.2, 1.2)
        victim = scene.dice.choice(scene.fleet.workers)
        victim.kill()
        scene.fleet.start([victim])


def _kill_all(scene: Scene) -> None:
    """All workers are killed at once, and started again."""
    scene.enqueue()
    scene.pause(0.0, 1.0)
    scene.fleet.kill_all()
    scene.fleet.start(scene.fleet.workers)


def _stop_all(scene: Scene) -> None:
    """All workers are asked to end, and started again: they hand their work back."""
    scene.enqueue()
    scene.pause(0.0, 1.0)
    asked = time.monotonic()
    for worker in scene.fleet.workers:
        worker.ask_to_end()
    for worker in scene.fleet.workers:
        worker.stop(grace_s=2 * _SHUTDOWN_S)
    took_s = time.monotonic() - asked
    statuses = [worker.exit_status for worker in scene.fleet.workers]
    scene.notes.append(f"the warm shutdown took {took_s:.1f} s")
    if took_s > _SHUTDOWN_S or any(statuses):
        scene.broken.append(f"the shutdown took {took_s:.1f} s, exit statuses {statuses}")
    scene.fleet.start(scene.fleet.workers)


def _kill_valkey(scene: Scene) -> None:
    """Valkey is killed, and started again from its file."""
    scene.enqueue()
    scene.pause(0.0, 1.0)
    scene.fleet.valkey.kill()
    time.sleep(1)
    scene.fleet.valkey.start()


def _cut_valkey(scene: Scene) -> None:
    """The workers' connections to Valkey are cut, and refused for ten seconds."""
    proxy = scene.fleet.proxy
    if proxy is None:
        raise ValueError("this case needs a proxy")
    scene.enqueue()
    proxy.cut()
    time.sleep(_FAULT_S)
    proxy.mend()


def _pause_valkey(scene: Scene) -> None:
    """Valkey answers nobody for ten seconds."""
    scene.enqueue()
    with scene.fleet.paused_valkey():
        time.sleep(_FAULT_S)


def _rates(**rates: float) -> Callable[[Scene], None]:
    """Answers of the service are faulty at these rates, from the first to the last."""

    def strike(scene: Scene) -> None:
        scene.faults = tuple(rates)
        scene.fleet.service.set_faults(**rates)
        scene.enqueue()

    return strike


def _outage(scene: Scene) -> None:
    """Every connection to the service closes at once, for half a minute."""
    scene.faults = ("outage",)
    scene.enqueue()
    with scene.fleet.service.faults(outage=1.0):
        time.sleep(_OUTAGE_S)


def _every_message_twice(scene: Scene) -> None:
    """Every message is delivered twice, from the first to the last."""
    scene.faults = ("messages",)
    messages.begin(scene.client, MessageFault.TWICE)
    scene.enqueue()


def _half_dropped(scene: Scene) -> None:
    """Half of all messages vanish, for ten seconds from the first on."""
    scene.faults = ("messages",)
    messages.begin(scene.client, MessageFault.DROP)
    scene.enqueue()
    time.sleep(_FAULT_S)
    messages.end(scene.client)


def _an_hour_late(scene: Scene) -> None:
    """Half of all messages are kept back, and come when everything has ended without them."""
    scene.faults = ("messages",)
    messages.begin(scene.client, MessageFault.LATE)
    scene.enqueue()
    time.sleep(_FAULT_S)
    messages.end(scene.client)
    scene.aftermath = lambda: _deliver_late(scene)


def _deliver_late(scene: Scene) -> None:
    marks, audit = scene.load.marks(), scene.fleet.service.audit()
    late = messages.deliver_late(scene.client)
    scene.notes.append(f"{late} messages came late")
    time.sleep(_FAULT_S)
    after = scene.fleet.service.audit()
    changed = [name for name in ("paid", "polls", "downloads") if audit[name] != after[name]]
    if not scene.load.waiting and (changed or marks != scene.load.marks()):
        scene.broken.append(f"late messages changed something: {changed or 'the ledger'}")


def _back_to_work(scene: Scene) -> None:
    """All workers are killed while the service has every job; when is each looked at again?"""
    scene.enqueue()
    while not _all_submitted(scene):
        time.sleep(_LOOK_EVERY_S)
    scene.fleet.kill_all()
    states = scene.load.states()
    marks = {each: mark for each, mark in scene.load.marks().items() if not states[each].is_final}
    began = time.monotonic()
    for worker in scene.fleet.workers:
        worker.start()
    took_s = _until_all_moved(scene, marks, began)
    scene.notes.append(f"{len(marks)} in flight; all worked on again after {took_s:.1f} s")
    if took_s > _WORKED_ON_S:
        scene.broken.append(f"it took {took_s:.1f} s until all were being worked on again")


def _all_submitted(scene: Scene) -> bool:
    states = scene.load.states()
    return len(states) == scene.count and State.QUEUED not in states.values()


def _until_all_moved(scene: Scene, before: dict[str, object], began: float) -> float:
    moved_at: dict[str, float] = {}
    while time.monotonic() - began < 8 * _WORKED_ON_S:
        now, marks = time.monotonic(), scene.load.marks()
        for each, mark in before.items():
            if mark != marks[each]:
                moved_at.setdefault(each, now)
        if len(moved_at) == len(before):
            break
        time.sleep(_LOOK_EVERY_S)
    else:
        return float("inf")
    late = sum(at - began > _WORKED_ON_S for at in moved_at.values())
    half_s = sorted(moved_at.values())[len(moved_at) // 2] - began
    scene.notes.append(f"half of them after {half_s:.1f} s, {late} after {_WORKED_ON_S:g} s")
    return max(moved_at.values()) - began


CASES: Final = (
    Case("one worker killed, 5 times", _kill_one, duration="6-20", crashes=True),
    Case("all workers killed", _kill_all, crashes=True),
    Case("all workers stopped", _stop_all),
    Case("Valkey killed", _kill_valkey, crashes=True),
    Case("Valkey cut off 10 s", _cut_valkey, through_proxy=True, crashes=True),
    Case("Valkey paused 10 s", _pause_valkey),
    Case("10 % of submits lost", _rates(lost_submit=0.1)),
    Case("10 % of submits throttled", _rates(throttle_submit=0.1)),
    Case("10 % of polls 502, 504", _rates(gateway_poll=0.1)),
    Case("5 % of downloads cut", _rates(truncated_download=0.025, short_download=0.025)),
    Case(
        "5 % of answers dribble 40 s",
        _rates(slow_answer=0.05),
        options=("--slow-seconds", str(_DRIBBLE_S)),
    ),
    Case("the API gone 30 s", _outage),
    Case("every message twice", _every_message_twice, faulty_broker=True),
    Case("messages an hour late", _an_hour_late, faulty_broker=True, callbacks=False),
    Case("half of messages dropped", _half_dropped, faulty_broker=True, callbacks=False),
    Case("2,000 in flight, all killed", _back_to_work, duration="40-50", least=2000, crashes=True),
)
