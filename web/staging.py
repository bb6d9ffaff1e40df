"""What one request stages in the storage, and takes back when the request comes to nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager

from conveyor import Conveyor, StagedFile

__all__ = ["Staging", "staging"]


class Staging:
    """The staged files of one request.

    Attributes:
        files: The documents that were staged, in their order.
        params: The parameters that are files, by their name.

    Args:
        conveyor: Whose storage.
    """

    def __init__(self, conveyor: Conveyor) -> None:
        self._conveyor = conveyor
        self.files: list[StagedFile] = []
        self.params: dict[str, StagedFile] = {}

    async def take(self, name: str, chunks: AsyncIterable[bytes]) -> None:
        """Stream one document into the storage; as `conveyor.Conveyor.astage`."""
        self.files.append(await self._conveyor.astage(name, chunks))

    async def take_param(self, param: str, name: str, chunks: AsyncIterable[bytes]) -> None:
        """Stream one parameter that is a file into the storage.

        Args:
            param: The parameter's name.
            name: The file's.
            chunks: Its content.
        """
        self.params[param] = await self._conveyor.astage(name, chunks)

    async def discard(self) -> None:
        """Remove what was staged."""
        staged = [*self.files, *self.params.values()]
        if staged:
            await asyncio.to_thread(self._conveyor.unstage, staged)


@asynccontextmanager
async def staging(conveyor: Conveyor) -> AsyncIterator[Staging]:
    """Stage files for a conversion; an error in the block removes them.

    A block that is cancelled leaves them, since its conversion may have been accepted. Workers
    remove files that are not converted.

    Args:
        conveyor: Whose storage.
    """
    staged = Staging(conveyor)
    try:
        yield staged
    except Exception:
        await staged.discard()
        raise
