"""A request's local files: looked for before anything is stored, staged, and removed again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from conveyor.domain.conversion import StagedFile
from conveyor.domain.request import ConversionRequest
from conveyor.domain.sources import SourceInput, SourceKind, parse_sources, prefer_local, staged
from conveyor.errors import InvalidRequest, LedgerUnavailable
from conveyor.producing.local_files import local_file
from conveyor.producing.wiring import ProducerServices

__all__ = ["LocalSources", "has_local", "local_first", "request_of"]


def request_of(source: SourceInput, *asked: Any) -> ConversionRequest:
    """Make a request. Local sources are looked for before anything else is said of them.

    Args:
        source: As your caller gave it.
        asked: The rest, as `ConversionRequest.build` takes it.

    Raises:
        InvalidRequest: It can't be right.
    """
    for each in map(prefer_local, parse_sources(source)):
        if each.kind is SourceKind.LOCAL:
            local_file(each.value)
    return ConversionRequest.build(source, *asked)


def local_first(request: ConversionRequest) -> ConversionRequest:
    """Read a request as its producer means it, and look at its local files.

    Args:
        request: The request.

    Raises:
        InvalidRequest: A local file is missing or empty, or it is no file.
    """
    request = request.preferring_local()
    for source in request.attachments.values():
        if source.kind is SourceKind.LOCAL:
            local_file(source.value)
    return request


def has_local(request: ConversionRequest) -> bool:
    """Whether a file of this machine is among the sources.

    Args:
        request: The request.
    """
    return any(source.kind is SourceKind.LOCAL for source in request.attachments.values())


class LocalSources:
    """Local files on their way into the storage, request by request.

    Args:
        services: What the producer works with.
    """

    def __init__(self, services: ProducerServices) -> None:
        self._services = services

    def stage(self, request: ConversionRequest) -> ConversionRequest:
        """Stage a request's local files: all of them, or none.

        Args:
            request: The request.

        Returns:
            The request, with files of the storage in their place.

        Raises:
            InvalidRequest: A file is missing or empty.
            StorageError: The storage can't be written.
            LedgerUnavailable: Redis can't be reached.
        """
        staging = self._services.staging
        files: dict[str, StagedFile] = {}
        try:
            for key, source in request.attachments.items():
                if source.kind is SourceKind.LOCAL:
                    files[key] = staging.stage_path(source.value)
        except BaseException:
            # Where Redis is away just now, the reservations run out by themselves.
            with suppress(LedgerUnavailable):
                staging.unstage(files.values())
            raise
        return request.with_attachments({key: staged(file) for key, file in files.items()})

    def owned(self, request: ConversionRequest) -> Sequence[str]:
        """Name the folders of files that were staged for a request.

        Args:
            request: The request, staged.
        """
        return self._services.storage.tokens_of(
            source.value for source in request.attachments.values() if source.sha256
        )

    def unstage_new(self, asked: ConversionRequest, request: ConversionRequest) -> None:
        """Remove the files that `stage` has stored; those that came staged are kept.

        Args:
            asked: The request as it was asked.
            request: The same, staged.
        """
        given = set(self.owned(asked))
        new = [token for token in self.owned(request) if token not in given]
        # Where Redis is away just now, the reservations run out by themselves.
        with suppress(LedgerUnavailable):
            self._services.reservations.unsign(new)
            self._services.staging.remove(new)

    def sign(self, request: ConversionRequest) -> None:
        """Keep a signature's files for long: it may run at any time.

        Args:
            request: The request, staged.

        Raises:
            InvalidRequest: A staged file belongs to a conversion.
            LedgerUnavailable: Redis can't be reached.
        """
        owned = self.owned(request)
        for token in self._services.storage.tokens_of(request.addresses):
            if not self._services.reservations.sign(token) and token in owned:
                raise InvalidRequest(
                    "An uploaded file belongs to another conversion. Upload it again."
                )
