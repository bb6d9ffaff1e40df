"""Files in and out of the storage, streamed, through fsspec."""

from conveyor.storage.names import as_on_disk, safe_name, unique_names
from conveyor.storage.reading import CHUNK_BYTES, chunks_of
from conveyor.storage.storage import Storage
from conveyor.storage.writer import Writer

__all__ = [
    "CHUNK_BYTES",
    "Storage",
    "Writer",
    "as_on_disk",
    "chunks_of",
    "safe_name",
    "unique_names",
]
