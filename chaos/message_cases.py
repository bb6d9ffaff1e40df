"""Messages that come twice, late or never."""

from __future__ import annotations

import time
from typing import Final

from chaos import messages
from chaos.build import Build
from chaos.messages import MessageFault
from chaos.scene import Case, Scene

__all__ = ["MESSAGE_CASES"]

_FAULT_S: Final = 10.0
_FAULTY_BROKER: Final = Build(faulty_broker=True)


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
    marks, audit = scene.load.entries.marks(), scene.fleet.service.audit()
    late = messages.deliver_late(scene.client)
    scene.notes.append(f"{late} messages came late")
    time.sleep(_FAULT_S)
    after = scene.fleet.service.audit()
    changed = [name for name in ("paid", "polls", "downloads") if audit[name] != after[name]]
    if not scene.load.waiting and (changed or marks != scene.load.entries.marks()):
        scene.broken.append(f"late messages changed something: {changed or 'the ledger'}")


MESSAGE_CASES: Final = (
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
)
