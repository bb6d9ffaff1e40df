"""What can hurt in the settings of a Redis, and the cure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["LEAST_VERSION", "Concern", "concerns_of"]

LEAST_VERSION: Final = (7, 0)
"""The first version that has what our commands need: ``SET … NX GET``. Every Valkey has it."""

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


def concerns_of(info: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Concern]:
    """Find what can hurt.

    Args:
        info: The answer to ``INFO``.
        settings: The answer to ``CONFIG GET``; empty where it is unknown.
    """
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
