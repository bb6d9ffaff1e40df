"""Staging: copies sources into the storage, where the workers can read them.

A staged file belongs to nobody until a conversion is opened with it. Until then its folder is
reserved, and one whose producer has died is removed by a worker (`conveyor.ledger.reservations`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import IO, Any, Final, TypeVar, cast

from conveyor.domain.conversion import StagedFile
from conveyor.errors import LedgerUnavailable, StorageError
from conveyor.ledger.reservations import Reservations
from conveyor.process_local import process_local
from conveyor.producing.local_files import open_local
from conveyor.producing.upload import Upload
from conveyor.storage import CHUNK_BYTES, Storage, chunks_of
from conveyor.storage.marker import Marker
from conveyor.storage.names import staged_tokens

__all__ = ["Staging"]

# Uploads that write at the same time; others wait for a moment.
_WRITERS: Final = 16

T = TypeVar("T")


class Staging:
    """Stages one producer's files in the storage.

    Args:
        storage: The storage.
        reservations: Whose folders they are meanwhile.
        marker: Whether the storage is the one in use; None where nothing is staged.
    """

    def __init__(
        self, storage: Storage, reservations: Reservations, marker: Marker | None = None
    ) -> None:
        self._storage = storage
        self._reservations = reservations
        self._marker = marker

    @process_local
    def _threads(self) -> ThreadPoolExecutor:
        # Their own: a storage that is slow must not hold up what the loop's other threads do.
        return ThreadPoolExecutor(_WRITERS, thread_name_prefix="conveyor-staging")

    def close(self) -> None:
        """Let this process's threads end, once they have done what they are about."""
        Staging._threads.take(self)

    def stage_path(self, path: str) -> StagedFile:
        """Copy a local file.

        Raises:
            InvalidRequest: There is no such file, or it is empty.
            StorageError: The storage can't be written.
            LedgerUnavailable: Redis can't be reached.
        """
        with open_local(path) as document:
            return self.stage(document.name, document.stream)

    def stage(self, name: str, content: IO[bytes] | Iterable[bytes]) -> StagedFile:
        """Stream a file into the storage. If its content raises, nothing is left behind.

        Args:
            name: Its file name, which tells its format.
            content: A binary file, or pieces of one.

        Raises:
            InvalidRequest: It is empty.
            StorageError: The storage can't be written.
            LedgerUnavailable: Redis can't be reached.
        """
        upload = self._begin(name)
        try:
            for chunk in _chunks(content):
                upload.write(chunk)
            return upload.finish()
        except BaseException:
            self._abandon(upload)
            raise

    async def astage(self, name: str, chunks: AsyncIterable[bytes]) -> StagedFile:
        """Stage a document without blocking the event loop.

        Raises:
            InvalidRequest: It is empty.
            StorageError: The storage can't be written.
            LedgerUnavailable: Redis can't be reached.
        """
        # A caller that is cancelled as it begins has begun all the same.
        begun: list[Upload] = []
        try:
            await self._in_thread(lambda: begun.append(self._begin(name)))
            async for piece in _gathered(chunks):
                await self._in_thread(begun[0].write, piece)
            return await self._in_thread(begun[0].finish)
        except BaseException:
            for upload in begun:
                await self._in_thread(self._abandon, upload)
            raise

    async def _in_thread(self, call: Callable[..., T], *args: Any) -> T:
        """Run in a thread; a caller that is cancelled waits for its end, as nothing stops it."""
        running = asyncio.get_running_loop().run_in_executor(self._threads, partial(call, *args))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.gather(running, return_exceptions=True)
            raise

    def _begin(self, name: str) -> Upload:
        if self._marker is not None:
            self._marker.check()
        token = self._reservations.make()
        return Upload(name, token, self._storage.stage(token, name), self._reservations)

    def _abandon(self, upload: Upload) -> None:
        upload.abandon()
        # Where Redis is away just now, the reservation runs out by itself.
        with suppress(LedgerUnavailable):
            self.remove([upload.token])

    def unstage(self, files: Iterable[StagedFile]) -> None:
        """Remove files that no conversion owns; those that one owns are left alone."""
        self.remove(self._storage.tokens_of(file.uri for file in files))

    def remove(self, tokens: Sequence[str]) -> None:
        """Remove staged folders. What can't be removed now, a worker removes later."""
        with suppress(StorageError):
            self._clear(self._reservations.doom(tokens))

    def give_back(self, uris: Iterable[str]) -> None:
        """Schedule staged sources for removal by a worker."""
        self._reservations.give_back(staged_tokens(uris))

    def remove_overdue(self) -> int:
        """Remove a batch of staged files that were not converted in time.

        Returns:
            How many folders were removed.

        Raises:
            StorageError: One or more can't be removed; they are tried again.
            LedgerUnavailable: Redis can't be reached.
        """
        return self._clear(self._reservations.doomed())

    def _clear(self, doomed: Sequence[str]) -> int:
        """Remove folders; one that can't be removed keeps none of the others from it."""
        removed, fault = [], None
        for token in doomed:
            try:
                self._storage.remove_folder(token)
                removed.append(token)
            except StorageError as error:
                fault = error
        self._reservations.removed(removed)
        if fault is not None:
            raise fault
        return len(removed)


def _chunks(content: IO[bytes] | Iterable[bytes]) -> Iterable[bytes]:
    """A file in pieces; read by lines, as iterating does, it might be one piece."""
    return chunks_of(cast("IO[bytes]", content)) if hasattr(content, "read") else content


async def _gathered(chunks: AsyncIterable[bytes]) -> AsyncIterable[bytes]:
    """Larger pieces of a body: each is written by a thread, and a change of threads costs."""
    piece = bytearray()
    async for chunk in chunks:
        piece += chunk
        if len(piece) >= CHUNK_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)
