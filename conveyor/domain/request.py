"""What was asked: sources, formats and parameters, checked before anything is stored or paid."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import Any, Final, Self

from conveyor.domain.redaction import describe_call, redact_url
from conveyor.domain.shapes import list_of, plain_of, text_of, texts_of
from conveyor.domain.sources import Source, SourceInput, SourceKind, parse_sources, prefer_local
from conveyor.errors import InvalidRequest

__all__ = ["MAX_SEMI_ASYNC_S", "ConversionRequest", "takes_file"]

_FORMAT = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")
_PARAM = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")

# ConvertAPI takes names in any case, so these are compared in lower case.
_RESERVED: Final = {
    "secret": "the workers use their own credentials. Leave it out",
    "token": "the workers use their own credentials. Leave it out",
    "apikey": "the workers use their own credentials. Leave it out",
    "auth": "the workers use their own credentials. Leave it out",
    "async": "every conversion is asynchronous. Leave it out",
    "jobid": "Conveyor makes the job id. Leave it out",
    "webhook": "Conveyor sets its own webhook for each job. Leave it out",
    "storefile": "Conveyor always fetches results from the service's store. Leave it out",
    "file": "pass it as the source",
    "files": "pass a list as the source",
    "url": "pass it as the source, with from_format='web'",
}

# The service's own bounds for `Timeout` (protocol: integer, 10 to 1200 seconds).
_TIMEOUT_S = range(10, 1201)
_TIMEOUT: Final = "timeout"
MAX_SEMI_ASYNC_S: Final = _TIMEOUT_S[-1]
"""The longest wait for a result in the answer to the submit: the service ends every job by then."""

# A parameter is some hundred characters, a stylesheet some thousand. All of it lies in Redis.
_MAX_PARAM_BYTES: Final = 64 * 1024
_MAX_REQUEST_BYTES: Final = 1024 * 1024
_SHOWN_CHARACTERS: Final = 40


@dataclass(frozen=True, slots=True)
class ConversionRequest:
    """One conversion, as asked.

    Attributes:
        sources: The documents.
        from_format: The format of the sources, ``"docx"``; ``"any"`` where they differ.
        to_format: The target, a format (``"pdf"``) or an operation (``"merge"``, ``"zip"``).
        params: The service's own parameters, by its names, as text.
        files: The parameters that are files, ``OverlayFile`` and the like, by their names.
        semi_async_seconds: How long the submit waits for the result itself; 0: it never does.
            None leaves it to the workers' setting.
    """

    sources: tuple[Source, ...]
    from_format: str
    to_format: str
    params: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Source] = field(default_factory=dict)
    semi_async_seconds: int | None = None

    @classmethod
    def build(
        cls,
        source: SourceInput,
        to: str,
        from_format: str | None = None,
        params: Mapping[str, Any] | None = None,
        semi_async_seconds: int | None = None,
    ) -> Self:
        """Check a request and put it in its one form.

        Args:
            source: A URL, a path, an fsspec URL, a FileId, or a list of these.
            to: The target format.
            from_format: The source's format; taken from the name unless given.
            params: The service's parameters by their own names.
            semi_async_seconds: How long the submit waits for the result itself, 0 to 1200.

        Returns:
            The request.

        Raises:
            InvalidRequest: It can't be right; the message says why.
        """
        sources = parse_sources(source)
        from_format = _format(from_format or _common_format(sources), "source")
        if from_format == "web" and len(sources) > 1:
            raise InvalidRequest("Web pages can't be combined. Give one URL.")
        return cls._checked(sources, from_format, to, params, semi_async_seconds)

    @classmethod
    def of_result(
        cls,
        to: str,
        from_format: str | None = None,
        params: Mapping[str, Any] | None = None,
        semi_async_seconds: int | None = None,
    ) -> Self:
        """Make a request whose source comes later: the result before it in a chain.

        Args:
            to: As in `build`.
            from_format: As in `build`.
            params: As in `build`.
            semi_async_seconds: As in `build`.

        Returns:
            The request without a source.

        Raises:
            InvalidRequest: It can't be right; the message says why.
        """
        from_format = _format(from_format, "source") if from_format else ""
        return cls._checked((), from_format, to, params, semi_async_seconds)

    @classmethod
    def _checked(
        cls,
        sources: tuple[Source, ...],
        from_format: str,
        to: str,
        params: Mapping[str, Any] | None,
        semi_async_seconds: int | None,
    ) -> Self:
        given = _params(params)
        request = cls(
            sources=sources,
            from_format=from_format,
            to_format=_format(to, "target"),
            params={name: _text(name, given[name]) for name in given if not takes_file(name)},
            files={name: _file(name, given[name]) for name in given if takes_file(name)},
            semi_async_seconds=_semi_async(semi_async_seconds),
        )
        _check_size(request)
        return request

    def formats_alone(self) -> Self:
        """What a finished conversion keeps: no URL and no parameter, which may be a password."""
        return replace(self, sources=(), params={}, files={}, semi_async_seconds=None)

    @property
    def attachments(self) -> Mapping[str, Source]:
        """Everything that the service must get as a file, by a key that never changes.

        A source's key is its place, ``"0"``, ``"1"``. A parameter's key is its name.
        """
        return {**{str(place): source for place, source in enumerate(self.sources)}, **self.files}

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where its attachments are: URLs, FileIds and paths."""
        return tuple(source.value for source in self.attachments.values())

    @property
    def plain_params(self) -> dict[str, str]:
        """All parameters as text, as a message carries them."""
        return {**self.params, **{name: source.value for name, source in self.files.items()}}

    def preferring_local(self) -> Self:
        """Prefer a file on this machine to a FileId of the same name, as a producer reads it."""
        return self._map(lambda _, source: prefer_local(source))

    def with_attachments(self, changed: Mapping[str, Source]) -> Self:
        """Copy the request with other attachments.

        Args:
            changed: Those that change, by their key: the staged ones.
        """
        return self._map(changed.get)

    def _map(self, change: Callable[[str, Source], Source]) -> Self:
        return replace(
            self,
            sources=tuple(change(str(place), it) for place, it in enumerate(self.sources)),
            files={name: change(name, source) for name, source in self.files.items()},
        )

    def wait_s(self, default_s: float) -> float:
        """How long the submit waits for the result itself, seconds; 0: it never does.

        Never longer than the request's own ``Timeout``: the service has ended the job by then.

        Args:
            default_s: The workers' setting, for a request that leaves it to them.
        """
        asked_s = default_s if self.semi_async_seconds is None else self.semi_async_seconds
        timeouts = [int(text) for name, text in self.params.items() if name.lower() == _TIMEOUT]
        return min(asked_s, *timeouts, MAX_SEMI_ASYNC_S)

    def form(self, uploads: Mapping[str, str]) -> dict[str, str]:
        """The fields of the service's form.

        Args:
            uploads: The FileId of each uploaded attachment, by its key.

        Returns:
            Sources and parameters under the service's names.
        """
        values = {key: uploads.get(key, it.value) for key, it in self.attachments.items()}
        files = {name: values.pop(name) for name in self.files}
        return {**self.params, **files, **self._sources_form(list(values.values()))}

    def _sources_form(self, values: list[str]) -> dict[str, str]:
        if self.from_format == "web":
            return {"Url": values[0]}
        if len(values) == 1 and self.to_format not in _TAKES_MANY:
            return {"File": values[0]}
        return {f"Files[{n}]": value for n, value in enumerate(values)}

    def to_json(self) -> str:
        """Return the JSON that the ledger keeps."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a request from what `to_json` returned.

        Raises:
            LookupError: A field is missing.
            TypeError: A field is of another type.
            ValueError: The text is not JSON, or names an unknown kind of source.
        """
        plain = plain_of(text)
        waits_s = plain.get("semi_async")
        if type(waits_s) not in (int, NoneType):
            raise TypeError("seconds are a whole number")
        return cls(
            tuple(map(_load_source, list_of(plain["sources"]))),
            text_of(plain["from"]),
            text_of(plain["to"]),
            texts_of(plain["params"]),
            {name: _load_source(pair) for name, pair in plain.get("files", {}).items()},
            waits_s,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; what was not asked for is left out."""
        plain: dict[str, Any] = {
            "sources": [[source.kind.value, source.value] for source in self.sources],
            "from": self.from_format,
            "to": self.to_format,
            "params": dict(self.params),
        }
        if self.files:
            plain["files"] = {name: [it.kind.value, it.value] for name, it in self.files.items()}
        if self.semi_async_seconds is not None:
            plain["semi_async"] = self.semi_async_seconds
        return plain

    def redacted(self) -> str:
        """Return what Flower and the logs may show (invariant I5)."""
        files = [f"{name}={redact_url(source.value)}" for name, source in self.files.items()]
        sources = [source.value for source in self.sources]
        return describe_call(sources, self.to_format, [*self.params, *files])


def takes_file(name: str) -> bool:
    """Whether a parameter of this name is a file, as the vendor's own clients tell it.

    Args:
        name: The service's, in any case: ``OverlayFile``.
    """
    return name.lower().endswith("file") and name.lower() not in _RESERVED


# Operations that take `Files[]` even for one source (protocol: merging and the like).
_TAKES_MANY = frozenset({"merge", "zip"})


def _load_source(pair: Any) -> Source:
    kind, value = list_of(pair)
    return Source(SourceKind(kind), text_of(value))


def _common_format(sources: tuple[Source, ...]) -> str:
    formats = {source.format for source in sources}
    if "" in formats:
        raise InvalidRequest(
            "Can't tell the format from the file name. Pass from_format, for example "
            "from_format='docx' (--from docx)."
        )
    return formats.pop() if len(formats) == 1 else "any"


def _format(given: Any, which: str) -> str:
    text = given.lower().removeprefix(".") if isinstance(given, str) else ""
    if not _FORMAT.fullmatch(text):
        raise InvalidRequest(
            f"The {which} format {_shown(given)} is not valid. Use a name like 'pdf'."
        )
    return text


def _params(given: Any) -> Mapping[str, Any]:
    """The parameters under names that the service could know, each once."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidRequest(
            f"The parameters must be a mapping of names to values, not a {type(given).__name__}. "
            "For example {'PageRange': '1-3'}."
        )
    seen: set[str] = set()
    for name in given:
        _check_name(name)
        if name.lower() in seen:
            raise InvalidRequest(f"The parameter {name} is given twice. Give it once.")
        seen.add(name.lower())
    return given


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not _PARAM.fullmatch(name):
        raise InvalidRequest(
            f"The parameter name {_shown(name)} is not valid. Use letters and digits."
        )
    reason = _RESERVED.get(name.lower())
    if reason:
        raise InvalidRequest(f"You can't set the parameter {name}: {reason}.")


def _file(name: str, value: Any) -> Source:
    try:
        sources = parse_sources(value)
    except InvalidRequest as error:
        raise InvalidRequest(f"The parameter {name} is not a file. {error}") from None
    if len(sources) > 1:
        raise InvalidRequest(f"The parameter {name} takes one file, not {len(sources)}. Give one.")
    return sources[0]


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        # An enumeration of texts would show its member's name.
        text = str.__str__(value)
    elif isinstance(value, int | float):
        text = _number(name, value)
    else:
        raise InvalidRequest(
            f"The parameter {name} must be text, a number or a boolean, not a "
            f"{type(value).__name__}."
        )
    _check_text(name, text)
    if name.lower() == _TIMEOUT and text not in map(str, _TIMEOUT_S):
        raise InvalidRequest("Timeout must be a whole number of seconds from 10 to 1200.")
    return text


def _number(name: str, value: float) -> str:
    try:
        if math.isfinite(value):
            return int.__repr__(value) if isinstance(value, int) else float.__repr__(value)
    except (OverflowError, ValueError):
        # Python writes no integers of thousands of digits.
        pass
    raise InvalidRequest(
        f"The parameter {name} is not a number that can be sent. Use a smaller one."
    )


def _check_text(name: str, text: str) -> None:
    """Refuse what no parameter holds, without showing it: it may be a password."""
    if "\0" in text:
        raise InvalidRequest(f"The parameter {name} holds a NUL character. Remove it.")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidRequest(
            f"The parameter {name} holds half a character (a lone surrogate). Use valid Unicode "
            "text."
        ) from None
    if size > _MAX_PARAM_BYTES:
        raise InvalidRequest(
            f"The parameter {name} is longer than {_MAX_PARAM_BYTES} bytes. Use a shorter value."
        )


def _semi_async(given: Any) -> int | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= MAX_SEMI_ASYNC_S:
        raise InvalidRequest(
            f"semi_async_seconds must be a whole number from 0 to {MAX_SEMI_ASYNC_S}. With 0, "
            "polls fetch the answer."
        )
    return int(given)


def _check_size(request: ConversionRequest) -> None:
    texts = [*request.addresses, *request.params, *request.params.values()]
    if sum(len(text.encode(errors="replace")) for text in texts) > _MAX_REQUEST_BYTES:
        raise InvalidRequest(
            f"The sources and parameters are longer than {_MAX_REQUEST_BYTES} bytes together. "
            "Convert fewer sources at a time."
        )


def _shown(given: Any) -> str:
    """What a message shows of a value that may be of any length."""
    if not isinstance(given, str):
        return given.__class__.__name__ if given is not None else "None"
    text = repr(given[:_SHOWN_CHARACTERS])
    return text if len(given) <= _SHOWN_CHARACTERS else f"{text}…"
