"""The command lines of the stack's children."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from workers.local.ports import LOOPBACK

__all__ = ["flower", "sandbox", "web", "worker"]

_CELERY = (sys.executable, "-m", "celery", "-A", "workers.app")


def worker(node: str) -> tuple[str, ...]:
    """A worker under this node name; pool and size come from its settings."""
    return (*_CELERY, "worker", "-n", node, "-E")


def web() -> tuple[str, ...]:
    """The web process; its address comes from its settings."""
    return (sys.executable, "-m", "web")


def flower(port: int) -> tuple[str, ...]:
    """Flower on loopback."""
    return (sys.executable, "-m", "workers.flower", f"--address={LOOPBACK}", f"--port={port}")


def sandbox(port: int, secret: str, spacing_s: float, options: Iterable[str]) -> tuple[str, ...]:
    """The sandbox on loopback, as strict about polls as the workers are told to be."""
    return (
        *(sys.executable, "-m", "convertapi_sandbox"),
        *("--port", str(port), "--secret", secret, "--spacing", f"{spacing_s:g}"),
        *options,
    )
