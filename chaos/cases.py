"""The faults that a fleet meets, one function each; `docs/chaos.md` tells them in words."""

from __future__ import annotations

import time
from typing import Final

from chaos import messages
from chaos.fleet import Build
from chaos.judge import Rules
from chaos.messages import MessageFault
from chaos.scene import Case, Scene
from chaos.service_cases import SERVICE_CASES
from conveyor.domain.conversion import State
from conveyor.ledger.keys import Keys

__all__ = ["CASES"]

_KILLS: Final = 5
_FAULT_S: Final = 10.0
_AWAY_S: Final = 100.0
_ADDRESS_S: Final = 2.0
_OFF_S: Final = 30
_SLOW_SUBMIT_S: Final = 8
_SHUTDOWN_S: Final = 10.0
_WORKED_ON_S: Final = 15.0
# What is due for no longer than that is in good time.
_LATE_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.25

_CRASHES: Final = Rules(crashes=True)
_FAULTY_BROKER: Final = Build(faulty_broker=True)


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


def _result_backend_away(scene: Scene) -> None:
    """The result backend is away for 100 s, while everything ends."""
    scene.enqueue()
    scene.fleet.results.kill()
    time.sleep(_AWAY_S)
    scene.fleet.results.start()


def _switch(scene: Scene) -> None:
    """Valkey's replica becomes the primary, and some seconds later its address leads there."""
    scene.load.enqueue(scene.count // 2)
    scene.fleet.demote()
    deadline = time.monotonic() + _ADDRESS_S
    while time.monotonic() < deadline:
        scene.load.try_to_enqueue()
    scene.fleet.readdress()
    refused = scene.load.refused
    scene.notes.append(f"{refused} were refused while the address led to what is a replica now")
    while len(scene.load.ids) < scene.count:
        scene.load.try_to_enqueue()
    if scene.load.refused > refused:
        again = scene.load.refused - refused
        scene.broken.append(f"{again} were refused after the address led to the new primary")
    scene.aftermath = lambda: _nothing_is_left(scene)


def _nothing_is_left(scene: Scene) -> None:
    """What was not accepted leaves nothing behind."""
    entries = sum(1 for _ in scene.client.scan_iter(f"{Keys().entry_prefix}*"))
    if entries != len(scene.load.ids):
        scene.broken.append(f"{len(scene.load.ids)} were accepted, and {entries} are on record")


def _clocks(scene: Scene) -> None:
    """Hosts' clocks differ, and the service takes its time to answer a POST."""
    scene.faults = (("held_submit",),)
    scene.fleet.service.set_faults(held_submit=1.0)
    scene.enqueue()


def _every_message_twice(scene: Scene) -> None:
    """Every message is delivered twice, from the first to the last."""
    scene.faults = (("messages",),)
    messages.begin(scene.client, MessageFault.TWICE)
    scene.enqueue()


def _half_dropped(scene: Scene) -> None:
    """Half of all messages vanish, for ten seconds from the first on."""
    scene.faults = (("messages",),)
    messages.begin(scene.client, MessageFault.DROP)
    scene.enqueue()
    time.sleep(_FAULT_S)
    messages.end(scene.client)


def _an_hour_late(scene: Scene) -> None:
    """Half of all messages are kept back, and come when everything has ended without them."""
    scene.faults = (("messages",),)
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
    in_hand = scene.load.in_hand()
    began = time.monotonic()
    for worker in scene.fleet.workers:
        worker.start()
    took_s = _until_all_are_worked_on(scene, in_hand, began)
    in_flight = scene.load.in_flight()
    scene.notes.append(
        f"{in_flight} in flight, {len(in_hand)} in hand; all worked on again after {took_s:.1f} s"
    )
    if took_s > _WORKED_ON_S:
        scene.broken.append(f"it took {took_s:.1f} s until all were being worked on again")


def _all_submitted(scene: Scene) -> bool:
    states = scene.load.states()
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
    turns = scene.load.turns(list(in_hand))
    if any(turns[each] == turn for each, turn in in_hand.items()):
        return True
    late = scene.client.time()[0] - _LATE_S
    return any(scene.client.zcount(due, "-inf", late) for due in Keys().all_due)


CASES: Final = (
    Case(
        name="one worker killed, 5 times",
        strike=_kill_one,
        build=Build(duration="6-20"),
        rules=_CRASHES,
    ),
    Case(name="all workers killed", strike=_kill_all, rules=_CRASHES),
    Case(name="all workers stopped", strike=_stop_all),
    Case(name="Valkey killed", strike=_kill_valkey, rules=_CRASHES),
    Case(
        name="Valkey cut off 10 s",
        strike=_cut_valkey,
        build=Build(through_proxy=True),
        rules=_CRASHES,
    ),
    Case(name="Valkey paused 10 s", strike=_pause_valkey),
    Case(
        name="Valkey switched",
        strike=_switch,
        build=Build(has_replica=True),
        rules=_CRASHES,
    ),
    Case(
        name="results away 100 s",
        strike=_result_backend_away,
        build=Build(own_results=True),
    ),
    Case(
        name="clocks 30 s off, slow submits",
        strike=_clocks,
        build=Build(
            clocks=(-_OFF_S, 0, _OFF_S),
            options=("--hold-seconds", str(_SLOW_SUBMIT_S)),
            settings={"PROOF_SECONDS": str(2 * _SLOW_SUBMIT_S)},
        ),
        # A countdown from the host ahead waits so much longer at the host behind.
        rules=Rules(settle_s=3 * _OFF_S),
    ),
    *SERVICE_CASES,
    Case(
        name="every message twice",
        strike=_every_message_twice,
        build=_FAULTY_BROKER,
    ),
    Case(
        name="messages an hour late",
        strike=_an_hour_late,
        build=_FAULTY_BROKER,
        callbacks=False,
    ),
    Case(
        name="half of messages dropped",
        strike=_half_dropped,
        build=_FAULTY_BROKER,
        callbacks=False,
    ),
    Case(
        name="2,000 in flight, all killed",
        strike=_back_to_work,
        build=Build(duration="40-50"),
        rules=_CRASHES,
        least=2000,
    ),
)
