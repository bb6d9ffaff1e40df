"""Files in and out of the storage, streamed, through fsspec."""

from conveyor.storage.names import safe_name, unique_names
from conveyor.storage.storage import Storage, chunks_of
from conveyor.storage.writer import Writer

__all__ = ["Storage", "Writer", "chunks_of", "safe_name", "unique_names"]
