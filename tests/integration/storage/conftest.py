"""The storage on every kind of file system that it is promised for, each a real one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import fsspec.config
import pytest
from servers import Azure, Google, S3, Server

from conveyor.storage import Storage

KINDS = {"s3": S3, "gs": Google, "abfs": Azure}


class Servers:
    """Starts each server when it is first asked for."""

    def __init__(self, stack: ExitStack, tmp_path_factory) -> None:
        self._stack = stack
        self._folder = tmp_path_factory
        self._running: dict[str, Server] = {}

    def __getitem__(self, kind: str) -> Server:
        if kind not in self._running:
            server = KINDS[kind](self._folder.mktemp(kind))
            self._running[kind] = self._stack.enter_context(server)
        return self._running[kind]


@pytest.fixture(scope="session")
def servers(tmp_path_factory) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack, tmp_path_factory)
