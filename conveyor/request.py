"""What was asked: sources, formats and parameters, checked before anything is stored or paid."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from conveyor.errors import InvalidRequest
from conveyor.redaction import describe_call
from conveyor.sources import Source, SourceInput, SourceKind, is_file_id, parse_sources

__all__ = ["ConversionRequest"]

_FORMAT = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")
_PARAM = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")

# ConvertAPI takes names in any case, so these are compared in lower case.
_RESERVED: Final = {
    "secret": "the worker's credentials are used",
    "token": "the worker's credentials are used",
    "apikey": "the worker's credentials are used",
    "auth": "the worker's credentials are used",
    "async": "every conversion is asynchronous",
    "jobid": "the job id is Conveyor's own",
    "webhook": "Conveyor has an address of its own for each job",
    "storefile": "results are always fetched from the service's store",
    "file": "give it as the source",
    "files": "give a list as the source",
    "url": "give it as the source, with from_format='web'",
}

# The service's own bounds for `Timeout` (protocol: integer, 10 to 1200 seconds).
_TIMEOUT_S = range(10, 1201)


@dataclass(frozen=True, slots=True)
class ConversionRequest:
    """One conversion, as asked.

    Attributes:
        sources: The documents.
        from_format: The format of the sources, ``"docx"``; ``"any"`` where they differ.
        to_format: The target, a format (``"pdf"``) or an operation (``"merge"``, ``"zip"``).
        params: The service's own parameters, by its names, as text.
    """

    sources: tuple[Source, ...]
    from_format: str
    to_format: str
    params: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        source: SourceInput,
        to: str,
        from_format: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Self:
        """Check a request and put it in its one form.

        Args:
            source: A URL, a path, an fsspec URL, a FileId, or a list of these.
            to: The target format.
            from_format: The source's format; taken from the name unless given.
            params: The service's parameters by their own names.

        Returns:
            The request.

        Raises:
            InvalidRequest: It can't be right; the message says why.
        """
        sources = parse_sources(source)
        from_format = _format(from_format or _common_format(sources), "source")
        if from_format == "web" and len(sources) > 1:
            raise InvalidRequest("A web page is converted by itself: give one URL.")
        return cls(
            sources=sources,
            from_format=from_format,
            to_format=_format(to, "target"),
            params={name: _value(name, value) for name, value in (params or {}).items()},
        )

    def with_sources(self, sources: tuple[Source, ...]) -> Self:
        """The same request of other sources: the staged ones."""
        return replace(self, sources=sources)

    def formats_alone(self) -> Self:
        """What a finished conversion keeps: no URL and no parameter, which may be a password."""
        return replace(self, sources=(), params={})

    @property
    def needs_upload(self) -> bool:
        """Whether a worker must bring a source to the service."""
        return any(source.kind is SourceKind.STORED for source in self.sources)

    def form(self, uploads: Mapping[str, str]) -> dict[str, str]:
        """The fields of the service's form.

        Args:
            uploads: The FileId of each uploaded source, by its place.

        Returns:
            Sources and parameters under the service's names.
        """
        values = [
            uploads.get(str(place), source.value) for place, source in enumerate(self.sources)
        ]
        if self.from_format == "web":
            return {**self.params, "Url": values[0]}
        if len(values) == 1 and self.to_format not in _TAKES_MANY:
            return {**self.params, "File": values[0]}
        return {**self.params, **{f"Files[{n}]": value for n, value in enumerate(values)}}

    def to_json(self) -> str:
        """As the ledger keeps it."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`."""
        plain = json.loads(text)
        return cls(
            tuple(Source(SourceKind(kind), value) for kind, value in plain["sources"]),
            plain["from"],
            plain["to"],
            plain["params"],
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "sources": [[source.kind.value, source.value] for source in self.sources],
            "from": self.from_format,
            "to": self.to_format,
            "params": dict(self.params),
        }

    def redacted(self) -> str:
        """As Flower and the logs may show it (invariant I5)."""
        return describe_call((source.value for source in self.sources), self.to_format, self.params)


# Operations that take `Files[]` even for one source (protocol: merging and the like).
_TAKES_MANY = frozenset({"merge", "zip"})


def _common_format(sources: tuple[Source, ...]) -> str:
    formats = {source.format for source in sources}
    if "" in formats:
        raise InvalidRequest(
            "The source's name tells no format: give it, e.g. from_format='docx' (--from docx)."
        )
    return formats.pop() if len(formats) == 1 else "any"


def _format(given: Any, which: str) -> str:
    text = given.lower().removeprefix(".") if isinstance(given, str) else ""
    if not _FORMAT.fullmatch(text):
        raise InvalidRequest(
            f"The {which} format {given!r} can't be one: give it as a name like 'pdf'."
        )
    return text


def _value(name: str, value: Any) -> str:
    if not _PARAM.fullmatch(str(name)):
        raise InvalidRequest(f"The parameter name {name!r} can't be one of ConvertAPI's.")
    reason = _RESERVED.get(name.lower())
    if reason:
        raise InvalidRequest(f"The parameter {name} can't be set: {reason}.")
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise InvalidRequest(
            f"The parameter {name} must be text, a number or a truth value, "
            f"not a {type(value).__name__}."
        )
    text = str(value)
    _check_known(name, text)
    return text


def _check_known(name: str, text: str) -> None:
    """Refuse early what the service would refuse after a round trip."""
    if name.lower() == "timeout" and text not in map(str, _TIMEOUT_S):
        raise InvalidRequest("The parameter Timeout takes whole seconds from 10 to 1200.")
    is_file = name.lower().endswith("file")
    if is_file and not (text.startswith(("http://", "https://")) or is_file_id(text)):
        raise InvalidRequest(
            f"The parameter {name} takes a URL that ConvertAPI can reach, or a FileId."
        )
