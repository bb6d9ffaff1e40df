"""Runs conversions beside the event loop, and equal ones only once."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from convertapi_sandbox.converters.model import Converter, Task
from convertapi_sandbox.files import StoredFile

__all__ = ["Engine", "Made", "Work"]

# Load tests send one document a thousand times: the client is measured, not the converter.
_MAX_REMEMBERED: Final = 256


@dataclass(frozen=True, kw_only=True)
class Work:
    """A conversion to run.

    Args:
        converter: What does it.
        source_format: What the sources are.
        target_format: What is wanted.
        sources: The files to convert.
        options: Values of the converter's parameters.
        timeout_s: Bound of the run.
    """

    converter: Converter
    source_format: str
    target_format: str
    sources: Sequence[StoredFile]
    options: Mapping[str, Any]
    timeout_s: int

    @property
    def key(self) -> str:
        """A digest that equal conversions share."""
        contents = [source.digest for source in self.sources]
        names = [source.name for source in self.sources] if self.converter.uses_names else []
        options = sorted((name, str(value)) for name, value in self.options.items())
        parts = (self.source_format, self.target_format, contents, names, options)
        return hashlib.sha256(repr((parts, self.timeout_s)).encode()).hexdigest()


@dataclass(frozen=True)
class Made:
    """A file that a conversion made.

    Args:
        path: Where it is; not to be written to.
        label: What follows the stem in its name.
        size: In bytes.
        digest: SHA-256, hexadecimal.
    """

    path: Path
    label: str
    size: int
    digest: str


class Engine:
    """Runs conversions in threads and remembers the latest results.

    Args:
        folder: An existing directory that belongs to the engine alone.
        workers: Conversions that run at the same time.
    """

    def __init__(self, folder: Path, *, workers: int) -> None:
        self._folder = folder
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="conversion")
        # A failed conversion is not remembered.
        self._made: dict[str, asyncio.Future[tuple[Made, ...]]] = {}
        # Those of them that have ended and whose files were asked for, the latest last.
        self._finished: OrderedDict[str, None] = OrderedDict()

    async def convert(self, work: Work) -> tuple[Made, ...]:
        """Return the files that a conversion makes.

        Args:
            work: What to convert; of equal ones that are asked for, one runs.

        Raises:
            ApiError: The conversion failed.
        """
        key = work.key
        running = self._made.get(key)
        mine = running is None
        if running is None:
            loop = asyncio.get_running_loop()
            running = self._made[key] = loop.run_in_executor(self._threads, self._run, work)
        try:
            # Shielded: whoever gives up must not take the result from the others.
            return await asyncio.shield(running)
        except Exception:
            if self._made.get(key) is running and running.done():
                del self._made[key]
            if mine:
                raise
            # It failed for whoever began it: its sources may be gone, and ours are here.
            return await self.convert(work)
        finally:
            # In the order of their ends: whoever waited for the latest is still to take its files.
            if self._made.get(key) is running and running.done():
                self._finished[key] = None
                self._finished.move_to_end(key)
            self._forget_oldest()

    def close(self) -> None:
        """Start no further conversion."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run(self, work: Work) -> tuple[Made, ...]:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        task = Task(
            source_format=work.source_format,
            target_format=work.target_format,
            sources=work.sources,
            options=work.options,
            folder=folder,
            timeout_s=work.timeout_s,
        )
        try:
            return tuple(
                _measured(output.path, output.label) for output in work.converter.run(task)
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _forget_oldest(self) -> None:
        while len(self._finished) > _MAX_REMEMBERED:
            key, _ = self._finished.popitem(last=False)
            running = self._made.pop(key)
            if not running.cancelled() and running.exception() is None:
                shutil.rmtree(running.result()[0].path.parent, ignore_errors=True)


def _measured(path: Path, label: str) -> Made:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Made(path, label, path.stat().st_size, digest)
