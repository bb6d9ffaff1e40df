"""What was enqueued at a fake, for a test to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from conveyor.domain.entry import Entry
from conveyor.domain.sources import Source, SourceKind

__all__ = ["Enqueued", "described"]


@dataclass(frozen=True, slots=True)
class Enqueued:
    """A conversion that your code has enqueued.

    Attributes:
        id: Its id.
        to: The target format, or the operation.
        from_format: The format of its source.
        sources: Its sources: each URL and FileId as it was given, each file by its name.
        params: ConvertAPI's parameters, as text.
        metadata: What your code gave it along.
        idempotency_key: The key, None without one.
    """

    id: str
    to: str
    from_format: str = ""
    sources: tuple[str, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None

    @classmethod
    def of(cls, entry: Entry, key: str | None) -> Self:
        """Note what was asked.

        Args:
            entry: The conversion, accepted.
            key: The idempotency key.
        """
        request = entry.request
        return cls(
            id=entry.id,
            to=request.to_format,
            from_format=request.from_format,
            sources=tuple(map(_shown, request.sources)),
            params=dict(request.plain_params),
            metadata=dict(entry.terms.metadata),
            idempotency_key=key,
        )

    def fits(self, asked: Mapping[str, Any]) -> bool:
        """Whether this is one that a test asks for.

        Args:
            asked: Values by the names of the attributes. Of a mapping what it names counts, and
                ``source`` is one of the sources.
        """
        return all(self._has(name, value) for name, value in asked.items())

    def _has(self, name: str, value: Any) -> bool:
        if name == "source":
            return bool(value in self.sources)
        own = getattr(self, name)
        if isinstance(own, Mapping):
            return all(own.get(key) in (item, str(item)) for key, item in value.items())
        return bool(own == value)


def _shown(source: Source) -> str:
    is_file = source.kind in (SourceKind.STORED, SourceKind.LOCAL)
    return source.name if is_file else source.value


def described(found: list[Enqueued]) -> str:
    """Tell of conversions in the words of a failed assertion.

    Args:
        found: The conversions.
    """
    if not found:
        return "Nothing was enqueued."
    lines = [f"  {', '.join(each.sources) or '?'} to {each.to}, {each.params}" for each in found]
    return "\n".join(("Enqueued were:", *lines))
