"""From what a client names as source to a file on disk."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import unquote, urlsplit

from convertapi_sandbox import outbound
from convertapi_sandbox.disposition import file_name
from convertapi_sandbox.errors import conversion_error
from convertapi_sandbox.file_store import FileStore, FileWriter
from convertapi_sandbox.files import StoredFile, safe_name
from convertapi_sandbox.values import Value

__all__ = ["Sources"]

_FETCH_TIMEOUT_S: Final = 30
_MAX_FETCHED_BYTES: Final = 512 * 1024 * 1024
_CHUNK_BYTES: Final = 1 << 16
_FETCHERS: Final = 4

_FILE_ID: Final = re.compile(r"[a-z0-9]{32}")
_OWN_PATH: Final = re.compile(r"/d/(?P<id>[a-z0-9]{32})")


class Sources:
    """Finds or fetches sources.

    Args:
        files: Where uploads are, and where fetched files go.
        reachable_hosts: Hosts beside loopback from which files are fetched.
    """

    def __init__(self, files: FileStore, *, reachable_hosts: frozenset[str]) -> None:
        self._files = files
        self._hosts = reachable_hosts
        self._threads = ThreadPoolExecutor(_FETCHERS, thread_name_prefix="fetch")

    def known(self, value: Value) -> StoredFile | None:
        """Return a source that is here already: sent with the request, or by its FileId.

        Args:
            value: What the client names.
        """
        if isinstance(value, StoredFile):
            return value
        return self._files.find(value) if _FILE_ID.fullmatch(value) else None

    def file_ids(self, values: Iterable[Value]) -> list[str]:
        """Return those of some sources that are FileIds.

        Args:
            values: What the client names.
        """
        return [value for value in values if isinstance(value, str) and _FILE_ID.fullmatch(value)]

    async def resolve(self, value: Value, base_url: str) -> StoredFile:
        """Return a source as a file.

        Args:
            value: A file of the request, a FileId or a URL.
            base_url: Of the sandbox itself: such URLs are read from the store.

        Raises:
            ApiError: 5002, it is empty; 5008, it cannot be fetched; 5009, no such FileId;
                50010, it is neither a FileId nor a URL.
        """
        file = self.known(value)
        if file is None:
            file = await self._from_text(str(value), base_url)
        if file.size == 0:
            raise conversion_error(5002, "The file is empty.")
        return file

    async def fetch(self, url: str) -> StoredFile:
        """Fetch a file.

        Args:
            url: Where it is: on loopback, or at a host that was allowed.

        Raises:
            ApiError: 5008, it cannot be fetched.
        """
        if not outbound.is_reachable(url, self._hosts):
            raise conversion_error(5008, "The sandbox fetches from loopback addresses only.")
        loop = asyncio.get_running_loop()
        with self._files.writer() as writer:
            name = await loop.run_in_executor(self._threads, _download, url, writer)
            return writer.finish(name)

    def close(self) -> None:
        """Start no further download."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _from_text(self, text: str, base_url: str) -> StoredFile:
        if _FILE_ID.fullmatch(text):
            raise conversion_error(5009)
        if "://" not in text:
            raise conversion_error(50010)
        own = self._own(text, base_url)
        return own if own is not None else await self.fetch(text)

    def _own(self, url: str, base_url: str) -> StoredFile | None:
        if not url.startswith(base_url):
            return None
        match = _OWN_PATH.fullmatch(url.removeprefix(base_url))
        file = self._files.find(match["id"]) if match else None
        if file is None:
            raise conversion_error(5008)
        return file


def _download(url: str, writer: FileWriter) -> str:
    """Write what a URL serves, and return its file name."""
    try:
        answer = outbound.call(url, timeout_s=_FETCH_TIMEOUT_S)
    except OSError as error:
        raise conversion_error(5008) from error
    try:
        while chunk := answer.read(_CHUNK_BYTES):
            writer.write(chunk)
            if writer.size > _MAX_FETCHED_BYTES:
                raise conversion_error(5008, "The file is too large.")
    except OSError as error:
        raise conversion_error(5008) from error
    finally:
        answer.close()
    return file_name(answer.headers.get("Content-Disposition")) or _name_in(url)


def _name_in(url: str) -> str:
    return safe_name(unquote(urlsplit(url).path)) or "file"
