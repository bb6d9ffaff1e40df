"""How to install an extra: no index has Conveyor, so it comes from a checkout."""

from __future__ import annotations

__all__ = ["how_to_install"]


def how_to_install(extras: str) -> str:
    """Say how to install what extras bring, for the end of an error message.

    Args:
        extras: One or more of the extras in `pyproject.toml`, e.g. ``jwt`` or ``worker,web``.

    Returns:
        A sentence without its full stop: ``Install it from a checkout: pip install -c
        constraints.txt '.[jwt]'``.
    """
    # The sandbox is a distribution of its own, and in no index either.
    beside = "./convertapi_sandbox " if "sandbox" in extras.split(",") else ""
    return f"Install it from a checkout: pip install -c constraints.txt {beside}'.[{extras}]'"
