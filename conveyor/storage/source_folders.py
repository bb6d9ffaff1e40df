"""Where workers may read sources: in the storage, and in the folders that a setting names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from conveyor.errors import InvalidRequest
from conveyor.reasons import Reason
from conveyor.storage.place import Place

__all__ = ["Source", "SourceFolders"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a source lies.

    Attributes:
        place: The folder that workers may read.
        path: The source's path there.
    """

    place: Place
    path: str


class SourceFolders:
    """The folders that sources may be read from.

    Args:
        storage: The storage, where producers stage sources.
        urls: Further folders, as fsspec URLs.

    Raises:
        StorageError: A URL's file system is unknown, or its package is not installed.
    """

    def __init__(self, storage: Place, urls: Iterable[str]) -> None:
        further = (Place(url, "a folder of sources", "CONVEYOR_SOURCE_FOLDERS") for url in urls)
        self._places = (storage, *further)

    def find(self, uri: str) -> Source:
        """Confine a source: a message must not make a worker read what is its own alone.

        Args:
            uri: The source's fsspec URL.

        Raises:
            InvalidRequest: The source lies nowhere where workers may read.
        """
        for place in self._places:
            path = place.path_of(uri)
            if path is not None:
                return Source(place, path)
        raise InvalidRequest(
            "The source is outside the folders that workers may read. Put it into the storage, "
            "or add its folder or bucket to CONVEYOR_SOURCE_FOLDERS.",
            Reason.UNREACHABLE,
        )
