"""Commands of any key, and of texts."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

import redis

from conveyor.ledger.in_memory.values import Status, Values

__all__ = ["KeysAndTexts"]

_NO_KEY, _NO_END = -2, -1


class KeysAndTexts:
    """Commands by their names in lower case.

    Attributes:
        values: What they work on.
    """

    values: Values

    def del_(self, *keys: str) -> int:
        """DEL."""
        return sum(map(self.values.remove, keys))

    def exists(self, *keys: str) -> int:
        """EXISTS."""
        return sum(map(self.values.has, keys))

    def type(self, key: str) -> Status:
        """TYPE."""
        return Status(self.values.type_of(key))

    def expire(self, key: str, seconds: str) -> int:
        """EXPIRE, without options."""
        return int(self.values.end_at(key, self.values.clock.now + float(seconds)))

    def pexpire(self, key: str, milliseconds: str) -> int:
        """PEXPIRE, without options."""
        return self.expire(key, str(float(milliseconds) / 1000))

    def persist(self, key: str) -> int:
        """PERSIST."""
        return int(self.values.end_at(key, None))

    def pttl(self, key: str) -> int:
        """PTTL."""
        if not self.values.has(key):
            return _NO_KEY
        left_s = self.values.left_s(key)
        return _NO_END if left_s is None else round(left_s * 1000)

    def ttl(self, key: str) -> int:
        """TTL."""
        left_ms = self.pttl(key)
        return left_ms if left_ms < 0 else round(left_ms / 1000)

    def scan(self, _cursor: str, *options: str) -> list[object]:
        """SCAN: all at once."""
        given = dict(zip(map(str.upper, options[::2]), options[1::2], strict=True))
        return ["0", self.keys(given.get("MATCH", "*"))]

    def keys(self, pattern: str) -> list[str]:
        """KEYS."""
        return [key for key in self.values.keys() if fnmatchcase(key, pattern)]  # noqa: SIM118 - no mapping

    def flushall(self) -> Status:
        """FLUSHALL."""
        self.del_(*self.keys("*"))
        return Status("OK")

    def get(self, key: str) -> str | None:
        """GET."""
        return self.values.find(key, str)

    def mget(self, *keys: str) -> list[str | None]:
        """MGET."""
        return [
            self.values.find(key, str) if self.values.type_of(key) == "string" else None
            for key in keys
        ]

    def set(self, key: str, value: str, *options: str) -> str | None:
        """SET with EX, PX, NX, XX and GET."""
        given = _set_options(options)
        old = self.get(key) if "GET" in given else None
        if ("NX" in given and self.values.has(key)) or ("XX" in given and not self.values.has(key)):
            return old
        self.values.put(key, value)
        if "EX" in given or "PX" in given:
            life_s = float(given.get("EX", 0)) or float(given["PX"]) / 1000
            self.values.end_at(key, self.values.clock.now + life_s)
        return old if "GET" in given else Status("OK")

    def incr(self, key: str) -> int:
        """INCR."""
        number = int(self.get(key) or 0) + 1
        left_s = self.values.left_s(key)
        self.values.put(key, str(number))
        if left_s is not None:
            self.values.end_at(key, self.values.clock.now + left_s)
        return number


def _set_options(options: tuple[str, ...]) -> dict[str, str]:
    given: dict[str, str] = {}
    left: Iterator[str] = iter(options)
    for option in left:
        name = option.upper()
        if name not in {"EX", "PX", "NX", "XX", "GET"}:
            raise redis.ResponseError(f"ERR SET with {option} is not known in memory")
        given[name] = next(left) if name in {"EX", "PX"} else ""
    return given
