"""Commands of sets and of sorted sets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

from conveyor.ledger.in_memory.values import SortedSet, Values, number_text, score_of

__all__ = ["Sets"]

_FLAGS = frozenset({"NX", "XX", "GT", "LT", "CH"})


class Sets:
    """Commands by their names in lower case.

    Attributes:
        values: What they work on.
    """

    values: Values

    def _set(self, key: str) -> set[str]:
        return self.values.find(key, set) or set()

    def sadd(self, key: str, *members: str) -> int:
        """SADD."""
        found: set[str] = self.values.made(key, set)
        before = len(found)
        found.update(members)
        return len(found) - before

    def srem(self, key: str, *members: str) -> int:
        """SREM."""
        found = self._set(key)
        removed = len(found.intersection(members))
        found.difference_update(members)
        self.values.drop_if_empty(key)
        return removed

    def sismember(self, key: str, member: str) -> int:
        """SISMEMBER."""
        return int(member in self._set(key))

    def smembers(self, key: str) -> list[str]:
        """SMEMBERS."""
        return sorted(self._set(key))

    def scard(self, key: str) -> int:
        """SCARD."""
        return len(self._set(key))

    def srandmember(self, key: str, count: str = "") -> object:
        """SRANDMEMBER: the first ones, because a test shall be repeatable."""
        members = self.smembers(key)
        return members[: int(count)] if count else next(iter(members), None)

    def sscan(self, key: str, _cursor: str, *_options: str) -> list[object]:
        """SSCAN: all at once."""
        return ["0", self.smembers(key)]

    def _sorted(self, key: str) -> SortedSet:
        found = self.values.find(key, SortedSet)
        return SortedSet() if found is None else found

    def zadd(self, key: str, *rest: str) -> int:
        """ZADD with NX, XX, GT, LT and CH."""
        flags = set()
        while rest[0].upper() in _FLAGS:
            flags.add(rest[0].upper())
            rest = rest[1:]
        found = self.values.made(key, SortedSet)
        changes = [
            _add(found, member, score_of(score), flags)
            for score, member in zip(rest[::2], rest[1::2], strict=True)
        ]
        self.values.drop_if_empty(key)
        return sum(is_new or (is_changed and "CH" in flags) for is_new, is_changed in changes)

    def zrem(self, key: str, *members: str) -> int:
        """ZREM."""
        found = self._sorted(key)
        removed = sum(found.pop(member, None) is not None for member in members)
        self.values.drop_if_empty(key)
        return removed

    def zincrby(self, key: str, by: str, member: str) -> str:
        """ZINCRBY."""
        score = self._sorted(key).get(member, 0.0) + score_of(by)
        self.zadd(key, repr(score), member)
        return number_text(score)

    def zscore(self, key: str, member: str) -> str | None:
        """ZSCORE."""
        score = self._sorted(key).get(member)
        return None if score is None else number_text(score)

    def zmscore(self, key: str, *members: str) -> list[str | None]:
        """ZMSCORE."""
        return [self.zscore(key, member) for member in members]

    def zcard(self, key: str) -> int:
        """ZCARD."""
        return len(self._sorted(key))

    def zcount(self, key: str, low: str, high: str) -> int:
        """ZCOUNT."""
        return len(self._between(key, low, high))

    def zrange(self, key: str, first: str, last: str, *options: str) -> list[str]:
        """ZRANGE by place, with WITHSCORES."""
        items = self._sorted(key).ordered()
        end = int(last) + 1 or len(items)
        return _flat(items[int(first) : end], "WITHSCORES" in map(str.upper, options))

    def zrangebyscore(self, key: str, low: str, high: str, *options: str) -> list[str]:
        """ZRANGEBYSCORE."""
        return _answer(self._between(key, low, high), options)

    def zrevrangebyscore(self, key: str, high: str, low: str, *options: str) -> list[str]:
        """ZREVRANGEBYSCORE."""
        return _answer(self._between(key, low, high)[::-1], options)

    def zlexcount(self, key: str, low: str, high: str) -> int:
        """ZLEXCOUNT, of members that share one score."""
        return len(self._between_texts(key, low, high))

    def zrevrangebylex(self, key: str, high: str, low: str, *options: str) -> list[str]:
        """ZREVRANGEBYLEX, of members that share one score."""
        return _answer(self._between_texts(key, low, high)[::-1], options)

    def zremrangebyscore(self, key: str, low: str, high: str) -> int:
        """ZREMRANGEBYSCORE."""
        return self.zrem(key, *(member for member, _ in self._between(key, low, high)))

    def zremrangebyrank(self, key: str, first: str, last: str) -> int:
        """ZREMRANGEBYRANK."""
        items = self._sorted(key).ordered()
        begin, end = (int(place) + len(items) * (int(place) < 0) for place in (first, last))
        return self.zrem(key, *(member for member, _ in items[max(begin, 0) : max(end + 1, 0)]))

    def zscan(self, key: str, _cursor: str, *_options: str) -> list[object]:
        """ZSCAN: all at once."""
        return ["0", _flat(self._sorted(key).ordered(), with_scores=True)]

    def _between_texts(self, key: str, low: str, high: str) -> list[tuple[str, float]]:
        return [
            (member, score)
            for member, score in self._sorted(key).ordered()
            if _is_behind(member, low) and _is_before(member, high)
        ]

    def _between(self, key: str, low: str, high: str) -> list[tuple[str, float]]:
        return [
            (member, score)
            for member, score in self._sorted(key).ordered()
            if _is_above(score, low) and _is_above(-score, _negative(high))
        ]


def _is_behind(member: str, low: str) -> bool:
    return member >= low[1:] if low.startswith("[") else member > low[1:]


def _is_before(member: str, high: str) -> bool:
    return member <= high[1:] if high.startswith("[") else member < high[1:]


def _add(found: SortedSet, member: str, score: float, flags: set[str]) -> tuple[bool, bool]:
    """Set a score, unless the flags forbid it. Returns whether it is new, and whether changed."""
    old = found.get(member)
    if ("NX" in flags and old is not None) or ("XX" in flags and old is None):
        return False, False
    if old is not None and (("GT" in flags and score <= old) or ("LT" in flags and score >= old)):
        return False, False
    found[member] = score
    return old is None, old != score


def _is_above(score: float, bound: str) -> bool:
    """Whether a score is at a lower bound or above it; ``(`` leaves the bound itself out."""
    return score > score_of(bound[1:]) if bound.startswith("(") else score >= score_of(bound)


def _negative(bound: str) -> str:
    sign, text = ("(", bound[1:]) if bound.startswith("(") else ("", bound)
    return sign + repr(-score_of(text))


def _answer(items: list[tuple[str, float]], options: Sequence[str]) -> list[str]:
    names = [option.upper() for option in options]
    if "LIMIT" in names:
        place = names.index("LIMIT") + 1
        start, count = int(options[place]), int(options[place + 1])
        items = items[start : None if count < 0 else start + count]
    return _flat(items, "WITHSCORES" in names)


def _flat(items: list[tuple[str, float]], with_scores: bool) -> list[str]:
    if not with_scores:
        return [member for member, _ in items]
    return list(chain.from_iterable((member, _score_text(score)) for member, score in items))


def _score_text(score: float) -> str:
    return number_text(score) if math.isfinite(score) else str(score)
