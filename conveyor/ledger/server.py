"""A Redis server's settings, and the risks in them.

If a provider or an ACL forbids the commands, the settings are unknown and nothing fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

import redis

__all__ = ["LEAST_VERSION", "Concern", "Standing", "is_client", "look_at_server"]

LEAST_VERSION: Final = (7, 0)
"""The first version that has what our commands need: ``SET … NX GET``. Every Valkey has it."""

_SETTINGS: Final = ("appendfsync", "busy-reply-threshold", "save", "timeout")
_LEAST_IDLE_S: Final = 60
_LEAST_SCRIPT_MS: Final = 1000
_FULL: Final = 0.9


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that can hurt.

    Attributes:
        about: What it is about, one word for logs.
        detail: What it does to conversions, and the cure.
        is_fatal: Whether nothing works with it.
    """

    about: str
    detail: str
    is_fatal: bool = False


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
        concerns=tuple(_concerns(info, settings or {})),
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


def _concerns(info: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Concern]:
    yield from _of_mode(info)
    yield from _of_version(info)
    yield from _of_memory(info)
    yield from _of_persistence(info, settings)
    yield from _of_patience(settings)


def _of_mode(info: Mapping[str, Any]) -> Iterator[Concern]:
    if info.get("cluster_enabled") == 1:
        yield Concern(
            "cluster",
            "it is a Redis Cluster, for which Celery has no client. Name a single server, or "
            "sentinels",
            is_fatal=True,
        )


def _of_version(info: Mapping[str, Any]) -> Iterator[Concern]:
    # Valkey tells the version of Redis with which it is compatible, too.
    text = str(info.get("redis_version") or "")
    found = re.match(r"(\d+)\.(\d+)", text)
    if found and (int(found[1]), int(found[2])) < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        yield Concern(
            "version",
            f"it is version {text}, and Conveyor needs Redis {least} or later, or any Valkey. "
            "Upgrade it",
            is_fatal=True,
        )


def _of_memory(info: Mapping[str, Any]) -> Iterator[Concern]:
    most, policy = _number(info.get("maxmemory")), str(info.get("maxmemory_policy") or "")
    if policy and policy != "noeviction":
        lost = (
            "leases, idempotency keys and results, so that a conversion may be paid twice"
            if policy.startswith("volatile")
            else "conversions, paid ones too, without a word"
        )
        when = "when its memory is full" if most else "as soon as maxmemory is set"
        yield Concern(
            "maxmemory-policy",
            f"its maxmemory-policy is {policy}: {when} it drops {lost}. Set it to noeviction",
        )
    evicted = _number(info.get("evicted_keys"))
    if evicted:
        yield Concern(
            "evicted",
            f"it has dropped {evicted} keys since its start because its memory ran out. Raise "
            "its maxmemory",
        )
    used = _number(info.get("used_memory"))
    if most and used > _FULL * most:
        yield Concern(
            "memory",
            f"{used / most:.0%} of its maxmemory is used: when it is full no conversion is "
            "accepted. Raise it",
        )


def _of_persistence(info: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Concern]:
    if info.get("aof_enabled") == 0:
        saves = settings.get("save")
        if saves == "":
            lost = "and it saves nothing, so a restart forgets every conversion, paid ones too"
        else:
            lost = "so a crash forgets what was accepted, and paid, since it was last saved"
        yield Concern("appendonly", f"it has no append-only file, {lost}. Set appendonly to yes")
    if info.get("aof_enabled") == 1 and settings.get("appendfsync") == "no":
        yield Concern(
            "appendfsync",
            "its appendfsync is no: when its machine crashes it forgets the last half minute. Set "
            "it to everysec",
        )
    failed = [
        name
        for name in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
        if info.get(name, "ok") != "ok"
    ]
    if failed:
        yield Concern(
            "disk",
            f"it could not write to its disk ({', '.join(failed)}): check its log, and free disk "
            "space",
        )


def _of_patience(settings: Mapping[str, Any]) -> Iterator[Concern]:
    idle_s = _number(settings.get("timeout"))
    if 0 < idle_s < _LEAST_IDLE_S:
        yield Concern(
            "timeout",
            f"its timeout is {idle_s} s: it closes connections that are still used. Set it to 0",
        )
    script_ms = _number(settings.get("busy-reply-threshold"))
    if 0 < script_ms < _LEAST_SCRIPT_MS:
        yield Concern(
            "busy-reply-threshold",
            f"its busy-reply-threshold (lua-time-limit) is {script_ms} ms: while a longer script "
            "runs, it refuses all clients. Set it to 5000",
        )


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
