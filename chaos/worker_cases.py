"""Workers that are killed or stopped, and started again."""

from __future__ import annotations

import time
from typing import Final

from chaos.build import Build
from chaos.rules import Rules
from chaos.scene import Case, Scene

__all__ = ["WORKER_CASES"]

_KILLS: Final = 5
_SHUTDOWN_S: Final = 10.0
_CRASHES: Final = Rules(crashes=True)


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


WORKER_CASES: Final = (
    Case(
        name="one worker killed, 5 times",
        strike=_kill_one,
        build=Build(duration="6-20"),
        rules=_CRASHES,
    ),
    Case(name="all workers killed", strike=_kill_all, rules=_CRASHES),
    Case(name="all workers stopped", strike=_stop_all),
)
