"""What the command line's words mean: dialects, rates of faults, and the address."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from convertapi_sandbox.config import BOTH_DIALECTS, Dialect
from convertapi_sandbox.loopback import is_loopback
from convertapi_sandbox.serving import listen

__all__ = ["open_listener", "read_dialects", "read_faults"]


def read_dialects(text: str) -> frozenset[Dialect]:
    """Read which dialects are spoken.

    Args:
        text: `both`, `path` or `query`.

    Raises:
        ValueError: It is none of these.
    """
    if text == "both":
        return BOTH_DIALECTS
    try:
        return frozenset({Dialect(text)})
    except ValueError:
        raise ValueError(f"the dialect is both, path or query, not {text!r}") from None


def read_faults(entries: Iterable[str]) -> dict[str, float]:
    """Read the rates of faults, by their names.

    Args:
        entries: Each `NAME=RATE`. Whether there is such a fault is checked elsewhere.

    Raises:
        ValueError: An entry has another form.
    """
    rates: dict[str, float] = {}
    for entry in entries:
        name, _, rate = entry.partition("=")
        try:
            rates[name] = float(rate)
        except ValueError:
            raise ValueError(f"a fault is NAME=RATE, not {entry!r}") from None
    return rates


def open_listener(host: str, port: int, *, allow_remote: bool) -> socket.socket:
    """Bind the sandbox's address.

    Args:
        host: The address to listen on.
        port: The port; 0 takes a free one.
        allow_remote: Whether it may be another address than loopback's.

    Raises:
        ValueError: The address isn't allowed, or can't be bound.
    """
    if not (allow_remote or is_loopback(host)):
        raise ValueError(f"{host} is not loopback; add --allow-remote to listen there")
    try:
        return listen(host, port)
    except OSError as error:
        raise ValueError(f"cannot listen on {host} port {port}: {error.strerror}") from None
