"""Result files on their way into the storage: whole, or not at all.

A download can break off, and it can look whole and be short: where the service sends no length, its
end is where the connection closes. So its size is compared with what the service said, and two
whole downloads of the same content outvote a ``FileSize`` that differs from both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from conveyor.convertapi.bodies import Download
from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.errors import Overdue, Refused, Unclear, Unreachable
from conveyor.domain.answers import RemoteFile
from conveyor.domain.conversion import StoredFile
from conveyor.errors import StorageError
from conveyor.storage import Storage, Writer

__all__ = ["Fetched", "TooLarge", "fetch"]

# In one call, without a pause: what needs a longer one is tried again by the task, later.
_TRIES: Final = 5
_NO_SUCH_PART: Final = 416


class TooLarge(StorageError):  # noqa: N818 - as all errors of ours are called
    """The result is larger than a setting allows."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A result file in the storage.

    Attributes:
        file: The file.
        note: What the record should say about it, in words; empty when all went well.
    """

    file: StoredFile
    note: str = ""


def fetch(  # noqa: PLR0917 - in the order in which they are said
    api: ConvertApi,
    storage: Storage,
    conversion_id: str,
    remote: RemoteFile,
    name: str,
    most_bytes: int,
    on_try: Callable[[], object] = lambda: None,
) -> Fetched:
    """Stream a result file into the storage.

    A download that breaks off goes on from where it stands, if the service allows it, and begins
    again if not. Each try takes at most ``CONVEYOR_TRANSFER_TIMEOUT_SECONDS``, and there are five.

    Args:
        api: The service.
        storage: Where the file goes.
        conversion_id: The conversion's id.
        remote: The file at the service.
        name: Its name in the storage, safe and unique.
        most_bytes: The size above which it is refused.
        on_try: Called before each try.

    Returns:
        What was stored.

    Raises:
        ApiError: The service did not bring it whole.
        TooLarge: It is larger than `most_bytes`.
        StorageError: The storage can't be written.
    """
    writer = partial(storage.result, conversion_id, name)
    return _Fetching(api, remote, most_bytes, writer, on_try).run()


class _Fetching:
    """One file, over several downloads."""

    def __init__(
        self,
        api: ConvertApi,
        remote: RemoteFile,
        most_bytes: int,
        open_writer: Callable[[], Writer],
        on_try: Callable[[], object],
    ) -> None:
        self._api = api
        self._remote = remote
        self._most_bytes = most_bytes
        self._open = open_writer
        self._on_try = on_try
        self._writer = self._open()
        self._begun: Download | None = None
        self._allows_parts = True
        self._hashes: set[str] = set()

    def run(self) -> Fetched:
        """Try until it is whole."""
        try:
            return self._tried()
        except BaseException:
            self._writer.abandon()
            raise

    def _tried(self) -> Fetched:
        for left in reversed(range(_TRIES)):
            self._on_try()
            try:
                self._load()
                note = self._verdict()
            except (Unclear, Unreachable) as error:
                if not left or (isinstance(error, Overdue) and not self._can_go_on):
                    raise
            except Refused as error:
                if not left or error.status != _NO_SUCH_PART or not self._can_go_on:
                    raise
                self._allows_parts = False
            else:
                return self._finished(note)
        raise AssertionError("unreachable")  # pragma: no cover - the last try returns or raises

    def _load(self) -> None:
        """Write what comes, from where the file stands."""
        start = self._writer.size if self._can_go_on else 0
        tag = self._begun.tag if self._begun and start else ""
        with self._api.download(self._remote.url, start, tag) as download:
            if not start or download.start != start or self._is_another(download):
                self._restart(download)
            for chunk in self._bounded(download):
                self._writer.write(chunk)
        self._check_length()

    def _restart(self, download: Download) -> None:
        """Begin with an empty file: nothing came yet, or the service begins anew."""
        if download.start:
            self._begun = None
            raise Unclear("the file changed during the download")
        if self._can_go_on:
            self._allows_parts = False
        if self._writer.size:
            self._writer.abandon()
            self._writer = self._open()
        self._begun = download

    @property
    def _can_go_on(self) -> bool:
        begun = self._begun is not None and self._begun.is_plain
        return begun and self._allows_parts and self._writer.size > 0

    def _is_another(self, download: Download) -> bool:
        """Whether this is a part of another version than the one that has begun."""
        begun = self._begun
        return begun is None or (begun.size, begun.tag) != (
            download.size if begun.size is not None else None,
            download.tag if begun.tag else "",
        )

    def _bounded(self, download: Download) -> Iterator[bytes]:
        for chunk in download.chunks:
            if self._writer.size + len(chunk) > self._most_bytes:
                raise TooLarge(
                    f"The result is larger than {self._most_bytes} bytes. Raise "
                    "CONVEYOR_MAX_FILE_BYTES."
                )
            yield chunk

    def _check_length(self) -> None:
        """Compare with what the download's own head says: less means that it broke off."""
        told = self._begun.size if self._begun else None
        seen = self._writer.size
        if told is not None and seen != told:
            raise Unclear(f"the download has {seen} bytes of {told}")
        if not seen and told is None and self._remote.size != 0:
            raise Unclear("the download was empty")

    def _verdict(self) -> str:
        """Compare with what the service said of the file; tell what was wrong with that.

        Raises:
            Unclear: They differ, and no two downloads agree.
        """
        seen, told = self._writer.size, self._remote.size
        if told is None or seen == told:
            return ""
        if self._writer.sha256 not in self._hashes:
            self._hashes.add(self._writer.sha256)
            # Without a length of its own it may have been cut: then there is more to be had.
            if seen > told or (self._begun and self._begun.is_framed):
                self._begun = None
            raise Unclear(f"the download has {seen} bytes, and the file {told}")
        return (
            f"ConvertAPI said {told} bytes, and two downloads brought the same {seen}: the file is "
            "kept as it came."
        )

    def _finished(self, note: str) -> Fetched:
        self._writer.finish()
        return Fetched(self._writer.file, note)
