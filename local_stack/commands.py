"""The command lines of the stack's children."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from local_stack.ports import LOOPBACK

__all__ = ["flower", "sandbox", "web", "worker", "worker_of"]

_CONVEYOR = (sys.executable, "-m", "conveyor")


def worker(node: str) -> tuple[str, ...]:
    """A worker under this node name; pool and size come from its settings."""
    return (*_CONVEYOR, "worker", "-n", node)


def worker_of(app: str, node: str) -> tuple[str, ...]:
    """A worker of another Celery application, which is made of ours."""
    return (sys.executable, "-m", "celery", "-A", app, "worker", "-n", node, "-E")


def web() -> tuple[str, ...]:
    """The web process; its address comes from its settings."""
    return (*_CONVEYOR, "web")


def flower(port: int) -> tuple[str, ...]:
    """Flower on loopback."""
    return (*_CONVEYOR, "flower", f"--address={LOOPBACK}", f"--port={port}")


def sandbox(port: int, secret: str, spacing_s: float, options: Iterable[str]) -> tuple[str, ...]:
    """The sandbox on loopback, with the poll spacing of the workers."""
    return (
        *(sys.executable, "-m", "convertapi_sandbox"),
        *("--port", str(port), "--secret", secret, "--spacing", f"{spacing_s:g}"),
        *options,
    )
