"""A folder of some file system, and the files below it.

fsspec reads URLs in ways that differ by file system: some expand ``*``, cut at ``?versionId=`` or
``::``, or follow a scheme within another. So a URI below a place is never handed to fsspec. It is
compared with the place's own, and what is left is a path.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from conveyor.errors import InvalidRequest, StorageError
from conveyor.process_local import process_local
from conveyor.storage.faults import translated
from conveyor.storage.names import as_on_disk
from conveyor.storage.objects import is_object_store, open_url, options_of
from conveyor.storage.schemes import has_host_in_path

__all__ = ["Place"]

_LOCAL: Final = ("file", "local")
# s3fs and adlfs cut a name here.
_VERSION: Final = "?versionid="


class Place:
    """A folder, local or of any file system that fsspec speaks.

    Args:
        url: Its fsspec URL, or a local path.
        what: What it is for, as an error names it.
        setting: The setting that names it.

    Attributes:
        url: Its URL as the file system itself writes it.
        root: Its path in the file system.
        is_local: Whether it lies on this machine.
        is_atomic: Whether a file appears there when its write ends, and not before.
        setting: The setting that names it.

    Raises:
        StorageError: The URL's file system is unknown, or its package is not installed.
    """

    def __init__(
        self, url: str, what: str = "the storage", setting: str = "CONVEYOR_STORAGE_URL"
    ) -> None:
        self.setting = setting
        scheme = urlsplit(url).scheme if "://" in url else ""
        self.is_local = scheme in ("", *_LOCAL)
        self.is_atomic = is_object_store(scheme)
        self._given = url
        self._options = {"auto_mkdir": True} if self.is_local else options_of(scheme)
        if has_host_in_path(scheme, url):
            raise StorageError(f"{setting} can't contain brackets on Azure. Choose another folder.")
        with translated(f"open {what}", url, setting):
            fs, root = open_url(self._given, self._options)
        self.root: str = root.rstrip("/")
        self.url = str(fs.unstrip_protocol(self.root)).rstrip("/")

    @process_local
    def fs(self) -> Any:
        """The file system, fsspec's. Those of object stores refuse to work after a fork."""
        return open_url(self._given, self._options)[0]

    def uri_of(self, path: str) -> str:
        """A file's URI.

        Args:
            path: Its path in the file system, below the place.
        """
        return f"{self.url}/{path[len(self.root) + 1 :]}"

    def path_of(self, uri: str) -> str | None:
        """A file's path in the file system.

        Args:
            uri: An fsspec URL.

        Returns:
            The path, links resolved. None where the URI leads to what is not below the place.

        Raises:
            InvalidRequest: It names a version of an object.
        """
        scheme, found, rest = uri.partition("://")
        if not found or "\0" in uri:
            return None
        if self.is_local:
            return self._local_path(rest) if scheme.lower() in _LOCAL else None
        relative = self._relative(scheme.lower(), rest)
        if not relative or {".", ".."} & set(relative.split("/")):
            return None
        if self.is_atomic and _VERSION in relative.lower():
            raise InvalidRequest(
                "The URL names one version of an object, but Conveyor reads only the newest. "
                "Remove '?versionId=…'."
            )
        return f"{self.root}/{relative}"

    def check_there(self) -> None:
        """Tell a missing file from a missing storage, which may come back.

        Raises:
            FileNotFoundError: The folder, bucket or container itself is not there.
        """
        if self.is_local:
            if not Path(self.root or "/").is_dir():
                raise FileNotFoundError(self.root)
        elif self.is_atomic:
            # Without permission to ask nobody knows. Then the file is what is missing.
            with suppress(PermissionError):
                self.fs.info(self.root.partition("/")[0])

    def _local_path(self, text: str) -> str | None:
        try:
            path, root = as_on_disk(Path(text)).resolve(), Path(self.root or "/").resolve()
        except (OSError, RuntimeError):
            # Links that lead in a circle.
            return None
        return str(path) if path != root and path.is_relative_to(root) else None

    def _relative(self, scheme: str, rest: str) -> str | None:
        """What comes behind the place; None where the address is another's."""
        protocol = self.fs.protocol
        if scheme not in ((protocol,) if isinstance(protocol, str) else protocol):
            return None
        for root in {self.root, self.root.lstrip("/"), self.url.partition("://")[2]}:
            if rest.startswith(f"{root}/"):
                return rest[len(root) + 1 :]
        return None
