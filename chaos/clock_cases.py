"""Hosts' clocks that differ."""

from __future__ import annotations

from typing import Final

from chaos.build import Build
from chaos.rules import Rules
from chaos.scene import Case, Scene

__all__ = ["CLOCK_CASES"]

_OFF_S: Final = 30
_SLOW_SUBMIT_S: Final = 8


def _clocks(scene: Scene) -> None:
    """Hosts' clocks differ, and the service takes its time to answer a POST."""
    scene.faults = (("held_submit",),)
    scene.fleet.service.set_faults(held_submit=1.0)
    scene.enqueue()


CLOCK_CASES: Final = (
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
)
