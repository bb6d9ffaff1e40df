"""Valkey and the result backend: killed, cut off, paused, switched."""

from __future__ import annotations

import time
from typing import Final

from chaos.build import Build
from chaos.rules import Rules
from chaos.scene import Case, Scene
from conveyor.ledger.keys import Keys

__all__ = ["VALKEY_CASES"]

_FAULT_S: Final = 10.0
_AWAY_S: Final = 100.0
_ADDRESS_S: Final = 2.0
_CRASHES: Final = Rules(crashes=True)


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


VALKEY_CASES: Final = (
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
)
