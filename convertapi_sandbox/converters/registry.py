"""Which conversions there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from convertapi_sandbox.converters import (
    archive,
    compare,
    images,
    office,
    pandoc,
    pdf_pages,
    pdf_render,
)
from convertapi_sandbox.converters.model import Converter
from convertapi_sandbox.errors import UNSUPPORTED, ApiError

__all__ = ["Registry", "canonical", "installed"]

_ALIASES: Final = {"jpeg": "jpg", "tif": "tiff", "htm": "html", "markdown": "md", "text": "txt"}


def canonical(name: str) -> str:
    """Return a format's name as converters know it: lower case, one name for each.

    Args:
        name: As a client spells it.
    """
    lower = name.lower()
    return _ALIASES.get(lower, lower)


class Registry:
    """Converters by pair of formats.

    Args:
        converters: Of two that know a pair, the first is taken.
        missing: Pairs that a program not installed here would convert.
    """

    def __init__(
        self,
        converters: Iterable[Converter],
        missing: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        self._missing = missing
        self._by_pair: dict[tuple[str, str], Converter] = {}
        for converter in converters:
            for pair in converter.pairs:
                self._by_pair.setdefault(pair, converter)

    def find(self, source: str, target: str) -> Converter:
        """Return the converter of a pair of canonical formats.

        Args:
            source: The source's format.
            target: The result's format.

        Raises:
            ApiError: 415, there is none; the message names the targets that there are.
        """
        converter = self._by_pair.get((source, target))
        if converter is None:
            raise ApiError(UNSUPPORTED, UNSUPPORTED, self._refusal(source, target))
        return converter

    def targets(self, source: str) -> list[str]:
        """Return what a format can be converted to, sorted.

        Args:
            source: A canonical format.
        """
        return sorted(target for origin, target in self._by_pair if origin == source)

    def _refusal(self, source: str, target: str) -> str:
        refusal = f"There is no conversion of {source[:20]} to {target[:20]}."
        if (source, target) in self._missing:
            refusal += " It needs LibreOffice, which is not installed here."
        targets = self.targets(source)
        if targets:
            return f"{refusal} {source} converts to: {', '.join(targets)}."
        sources = sorted({origin for origin, _ in self._by_pair})
        return f"{refusal} Sources are: {', '.join(sources)}."


def installed() -> Registry:
    """Return the conversions that run on this machine."""
    own = (
        *pandoc.CONVERTERS,
        *pdf_pages.CONVERTERS,
        *pdf_render.CONVERTERS,
        *images.CONVERTERS,
        *archive.CONVERTERS,
        *compare.CONVERTERS,
    )
    if office.is_installed():
        return Registry((*office.CONVERTERS, *own))
    return Registry(own, missing=office.PAIRS)
