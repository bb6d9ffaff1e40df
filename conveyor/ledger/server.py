"""One Redis server: who it is, and how it is set.

If a provider or an ACL forbids the commands, the settings are unknown and nothing fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

import redis

from conveyor.ledger.concerns import Concern, concerns_of

__all__ = ["Standing", "is_client", "look_at_server"]


_SETTINGS: Final = ("appendfsync", "busy-reply-threshold", "save", "timeout")


@dataclass(frozen=True, slots=True)
class Standing:
    """What a server's check found.

    Attributes:
        run_id: The server's id; empty where it is unknown.
        summary: The server's kind and version, in a few words.
        concerns: The risks that were found.
    """

    run_id: str
    summary: str
    concerns: tuple[Concern, ...]


def is_client(client: object) -> TypeGuard[redis.Redis]:
    """Whether this is a client of Redis, and not of a broker of another kind.

    Args:
        client: What a kombu channel has for a client, or None.
    """
    return isinstance(client, redis.Redis)


def look_at_server(client: redis.Redis) -> Standing:
    """Check a server's version and settings.

    Args:
        client: Of any kind.

    Returns:
        What was seen; perhaps nothing.

    Raises:
        redis.RedisError: It can't be reached.
    """
    info = _permitted(client, "INFO")
    if info is None:
        return Standing("", "version and settings unknown: INFO is not permitted", ())
    settings = _permitted(client, "CONFIG GET", *_SETTINGS)
    return Standing(
        run_id=str(info.get("run_id", "")),
        summary=_summary(info, settings),
        concerns=tuple(concerns_of(info, settings or {})),
    )


def _permitted(client: redis.Redis, command: str, *args: str) -> Mapping[str, Any] | None:
    """An answer; None where the user may not ask, or the provider has renamed the command."""
    try:
        return dict(client.execute_command(command, *args))
    except redis.RedisError as error:
        if isinstance(error, redis.ResponseError) or "NOPERM" in str(error):
            return None
        raise


def _summary(info: Mapping[str, Any], settings: Mapping[str, Any] | None) -> str:
    name, version = _version(info)
    policy = info.get("maxmemory_policy") or "eviction unknown"
    aof = {0: "no append-only file", 1: "append-only file"}.get(
        info.get("aof_enabled", -1), "persistence unknown"
    )
    hidden = "" if settings is not None else "; further settings unknown: CONFIG is not permitted"
    return f"{name} {version or 'of unknown version'}, {policy}, {aof}{hidden}"


def _version(info: Mapping[str, Any]) -> tuple[str, str]:
    if "valkey_version" in info:
        return "Valkey", str(info["valkey_version"])
    return "Redis", str(info.get("redis_version") or "")
