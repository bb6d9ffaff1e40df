"""What was asked: sources, formats and parameters, checked before anything is stored or paid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from conveyor.domain.parameters import file_of, format_of, params_of, takes_file, text_form
from conveyor.domain.redaction import describe_call, redact_url
from conveyor.domain.sources import Source, SourceInput, parse_sources, prefer_local
from conveyor.domain.timeouts import semi_async_of, submit_waits_s
from conveyor.errors import InvalidRequest

__all__ = ["ConversionRequest"]


_MAX_REQUEST_BYTES: Final = 1024 * 1024


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
        from_format = format_of(from_format or _common_format(sources), "source")
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
        from_format = format_of(from_format, "source") if from_format else ""
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
        given = params_of(params)
        request = cls(
            sources=sources,
            from_format=from_format,
            to_format=format_of(to, "target"),
            params={name: text_form(name, given[name]) for name in given if not takes_file(name)},
            files={name: file_of(name, given[name]) for name in given if takes_file(name)},
            semi_async_seconds=semi_async_of(semi_async_seconds),
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

        Args:
            default_s: The workers' setting, for a request that leaves it to them.
        """
        asked_s = default_s if self.semi_async_seconds is None else self.semi_async_seconds
        return submit_waits_s(asked_s, self.params)

    def redacted(self) -> str:
        """Return what Flower and the logs may show (invariant I5)."""
        files = [f"{name}={redact_url(source.value)}" for name, source in self.files.items()]
        sources = [source.value for source in self.sources]
        return describe_call(sources, self.to_format, [*self.params, *files])


def _common_format(sources: tuple[Source, ...]) -> str:
    formats = {source.format for source in sources}
    if "" in formats:
        raise InvalidRequest(
            "Can't tell the format from the file name. Pass from_format, for example "
            "from_format='docx' (--from docx)."
        )
    return formats.pop() if len(formats) == 1 else "any"


def _check_size(request: ConversionRequest) -> None:
    texts = [*request.addresses, *request.params, *request.params.values()]
    if sum(len(text.encode(errors="replace")) for text in texts) > _MAX_REQUEST_BYTES:
        raise InvalidRequest(
            f"The sources and parameters are longer than {_MAX_REQUEST_BYTES} bytes together. "
            "Convert fewer sources at a time."
        )
