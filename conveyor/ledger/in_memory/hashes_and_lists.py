"""Commands of hashes and of lists."""

from __future__ import annotations

from itertools import chain

import redis

from conveyor.ledger.in_memory.values import Values

__all__ = ["HashesAndLists"]


class HashesAndLists:
    """Commands by their names in lower case.

    Attributes:
        values: What they work on.
    """

    values: Values

    def _hash(self, key: str) -> dict[str, str]:
        return self.values.find(key, dict) or {}

    def hset(self, key: str, *pairs: str) -> int:
        """HSET."""
        fields: dict[str, str] = self.values.made(key, dict)
        before = len(fields)
        fields.update(zip(pairs[::2], pairs[1::2], strict=True))
        return len(fields) - before

    def hsetnx(self, key: str, field: str, value: str) -> int:
        """HSETNX."""
        return 0 if field in self._hash(key) else self.hset(key, field, value)

    def hget(self, key: str, field: str) -> str | None:
        """HGET."""
        return self._hash(key).get(field)

    def hmget(self, key: str, *fields: str) -> list[str | None]:
        """HMGET."""
        found = self._hash(key)
        return [found.get(field) for field in fields]

    def hgetall(self, key: str) -> list[str]:
        """HGETALL."""
        return list(chain.from_iterable(self._hash(key).items()))

    def hkeys(self, key: str) -> list[str]:
        """HKEYS."""
        return list(self._hash(key))

    def hvals(self, key: str) -> list[str]:
        """HVALS."""
        return list(self._hash(key).values())

    def hexists(self, key: str, field: str) -> int:
        """HEXISTS."""
        return int(field in self._hash(key))

    def hlen(self, key: str) -> int:
        """HLEN."""
        return len(self._hash(key))

    def hrandfield(self, key: str) -> str | None:
        """HRANDFIELD: the first, because a test shall be repeatable."""
        return next(iter(self._hash(key)), None)

    def hdel(self, key: str, *fields: str) -> int:
        """HDEL."""
        found = self._hash(key)
        removed = sum(found.pop(field, None) is not None for field in fields)
        self.values.drop_if_empty(key)
        return removed

    def hincrby(self, key: str, field: str, by: str) -> int:
        """HINCRBY."""
        try:
            number = int(self._hash(key).get(field, "0")) + int(by)
        except ValueError:
            raise redis.ResponseError("ERR hash value is not an integer") from None
        self.hset(key, field, str(number))
        return number

    def _list(self, key: str) -> list[str]:
        return self.values.find(key, list) or []

    def rpush(self, key: str, *items: str) -> int:
        """RPUSH."""
        found: list[str] = self.values.made(key, list)
        found.extend(items)
        return len(found)

    def lpush(self, key: str, *items: str) -> int:
        """LPUSH."""
        found: list[str] = self.values.made(key, list)
        found[:0] = reversed(items)
        return len(found)

    def llen(self, key: str) -> int:
        """LLEN."""
        return len(self._list(key))

    def lindex(self, key: str, place: str) -> str | None:
        """LINDEX."""
        found = self._list(key)
        return found[int(place)] if -len(found) <= int(place) < len(found) else None

    def lrange(self, key: str, first: str, last: str) -> list[str]:
        """LRANGE."""
        return _cut(self._list(key), first, last)

    def ltrim(self, key: str, first: str, last: str) -> str:
        """LTRIM."""
        found = self._list(key)
        found[:] = _cut(found, first, last)
        self.values.drop_if_empty(key)
        return "OK"


def _cut(items: list[str], first: str, last: str) -> list[str]:
    """A part of a list, both ends included, as Redis counts from either end."""
    begin, end = int(first), int(last)
    begin = max(begin + len(items), 0) if begin < 0 else begin
    end = end + len(items) if end < 0 else end
    return items[begin : end + 1]
