"""An object store in memory, which notes what it is asked for."""

from __future__ import annotations

import io
from typing import Any

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem


class ObjectStore(AbstractFileSystem):
    """Answers as S3's does: an object appears when its write ends, and each request is noted.

    Attributes:
        options: How it was opened.
        objects: What is there, by path.
        asked: The requests, each as words.
        faults: What a request raises instead, by its first word.
    """

    protocol: Any = ("s3", "s3a")
    cachable = False
    objects: dict[str, bytes]
    asked: list[tuple[Any, ...]]
    faults: dict[str, Exception]

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options

    @classmethod
    def fresh(cls, *protocol: str) -> type[ObjectStore]:
        """A store of its own, with one bucket.

        Args:
            protocol: Its schemes; S3's unless given.
        """
        state = {"objects": {}, "asked": [], "faults": {}}
        return type("Fresh", (cls,), {**state, "protocol": protocol or cls.protocol})

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        self._ask("info", path)
        if path in self.objects:
            return {"name": path, "size": len(self.objects[path]), "type": "file"}
        if path == "files" or any(key.startswith(f"{path}/") for key in self.objects):
            return {"name": path, "size": 0, "type": "directory"}
        raise FileNotFoundError(path)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        self._ask("ls", path)
        found = [self.info(key) for key in self.objects if key.rpartition("/")[0] == path]
        return found if detail else [each["name"] for each in found]

    def cat_file(self, path: str, start: Any = None, end: Any = None, **_: Any) -> bytes:
        self._ask("get", path, start, end)
        if path not in self.objects:
            raise FileNotFoundError(path)
        if start >= len(self.objects[path]):
            raise OSError("The requested range is not satisfiable")
        return self.objects[path][start:end]

    def pipe_file(self, path: str, value: bytes, **_: Any) -> None:
        self._ask("put", path, len(value))
        self.objects[path] = value

    def rm_file(self, path: str) -> None:
        self._ask("delete", path)
        del self.objects[path]

    def rmdir(self, path: str) -> None:
        self._ask("rmdir", path)

    def _open(self, path: str, mode: str = "rb", **options: Any) -> ObjectFile:
        self._ask("open", path, mode, options["block_size"], options.get("cache_type"))
        return ObjectFile(self, path, mode, **options)

    def _ask(self, word: str, *more: Any) -> None:
        self.asked.append((word, *more))
        if word in self.faults:
            raise self.faults[word]


class ObjectFile(AbstractBufferedFile):
    """A file that is read in ranges, or written in parts."""

    fs: ObjectStore
    buffer: io.BytesIO

    def _initiate_upload(self) -> None:
        self.fs._ask("begin", self.path)
        self.parts: list[bytes] = []

    def _upload_chunk(self, final: bool = False) -> None:
        part = self.buffer.getvalue()
        if part:
            self.fs._ask("part", self.path, len(part))
            self.parts.append(part)
        if final:
            self.fs._ask("complete", self.path)
            self.fs.objects[self.path] = b"".join(self.parts)

    def discard(self) -> None:
        self.fs._ask("abort", self.path)
