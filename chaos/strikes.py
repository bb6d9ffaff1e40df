"""How faults of the service strike a scene."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from chaos.scene import Scene
from chaos.service_faults import ODD_PLACES, SILENCES

__all__ = ["deletes", "odd", "outage", "rates", "spread"]

_OUTAGE_S: Final = 30.0
_CLEANING_S: Final = 10.0
_CLEANED_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.25


def rates(*groups: Iterable[str], **rates: float) -> Callable[[Scene], None]:
    """Answers are faulty at these rates; of each group one must strike, else each."""

    def strike(scene: Scene) -> None:
        """Set the rates, then enqueue."""
        scene.faults = tuple(map(tuple, groups)) or tuple((name,) for name in rates)
        scene.fleet.service.set_faults(**rates)
        scene.enqueue()

    return strike


def odd(rate: float, groups: Iterable[Iterable[str]]) -> Callable[[Scene], None]:
    """Results are odd, each in its way at this rate; of each group one must strike."""
    named = [[f"odd_{name}_{place}" for name in group for place in ODD_PLACES] for group in groups]
    return rates(*named, **{name: rate for group in named for name in group})


def spread(rate: float, names: Iterable[str], places: Iterable[str]) -> Callable[[Scene], None]:
    """At each place one answer in so many meets one of the faults, each as often as the others."""
    groups = [[f"{name}_{place}" for name in names] for place in places]
    rate_by_name = {name: rate / len(group) for group in groups for name in group}
    return rates(*groups, **rate_by_name)


def deletes(rate: float) -> Callable[[Scene], None]:
    """Deletes fail at this rate, while callers wait for nothing; later nothing is left."""
    fail = spread(rate, SILENCES, ["delete"])

    def strike(scene: Scene) -> None:
        """Let deletes fail now, and count at the end what was not deleted."""
        fail(scene)
        scene.aftermath = lambda: _all_is_deleted(scene)

    return strike


def _all_is_deleted(scene: Scene) -> None:
    time.sleep(_CLEANING_S)
    failing = scene.conveyor.ledger.leftovers.count()
    scene.fleet.service.set_faults()
    deadline = time.monotonic() + _CLEANED_S
    while (left := scene.conveyor.ledger.leftovers.count()) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
    scene.notes.append(f"{failing} were not deleted while deletes failed, {left} after that")
    if left:
        scene.broken.append(f"{left} are still at the service {_CLEANED_S:g} s after that")


def outage(scene: Scene) -> None:
    """Every connection to the service closes at once, for half a minute."""
    scene.faults = (("outage",),)
    scene.enqueue()
    with scene.fleet.service.faults(outage=1.0):
        time.sleep(_OUTAGE_S)
