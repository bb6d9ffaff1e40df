"""Who makes room where all connections are taken: the one that has been idle the longest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["idlest_of"]


def idlest_of(connections: Iterable[Any]) -> Any:
    """Find the connection that has waited for a head the longest.

    Args:
        connections: Those of the process, each a `web.protocol.BoundedHttp`.

    Returns:
        The connection; None where none waits.
    """
    idle = (each for each in connections if each.idle_since is not None)
    return min(idle, key=_since, default=None)


def _since(connection: Any) -> float:
    since: float = connection.idle_since
    return since
