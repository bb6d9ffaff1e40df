"""The storage on every kind of file system that it is promised for, each a real one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import fsspec
import fsspec.config
import pytest

from conveyor.storage import Storage

sys.path.insert(0, str(Path(__file__).parent))
from servers import S3, Asked, Azure, Google, Server

KINDS = {"s3": S3, "gs": Google, "abfs": Azure}
ROOT = Path(__file__).parents[3]


class Servers:
    """Starts each server when it is first asked for."""

    def __init__(self, stack: ExitStack, folders: pytest.TempPathFactory) -> None:
        self._stack = stack
        self._folders = folders
        self._running: dict[str, Server] = {}

    def __getitem__(self, kind: str) -> Server:
        if kind not in self._running:
            server = KINDS[kind](self._folders.mktemp(kind))
            self._running[kind] = self._stack.enter_context(server)
        return self._running[kind]


@pytest.fixture(scope="session")
def servers(tmp_path_factory) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack, tmp_path_factory)


@pytest.fixture
def use(servers, monkeypatch) -> Callable[[str], Server]:
    """Set the environment as docs/production.md says, for one kind of store."""

    def set_environment(kind: str) -> Server:
        server = servers[kind]
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        conf: dict[str, dict[str, str]] = {}
        # fsspec reads it when it is imported.
        fsspec.config.set_conf_env(conf, envdict=server.environment())
        for name, options in conf.items():
            monkeypatch.setitem(fsspec.config.conf, name, options)
        return server

    return set_environment


class Kind:
    """One kind of file system, and a new folder in it.

    Attributes:
        url: The folder's.
        server: The object store's; None where it is none.
    """

    def __init__(self, url: str, server: Server | None) -> None:
        self.url = url
        self.server = server

    def open(self) -> Storage:
        return Storage(self.url)

    def files(self) -> list[str]:
        """The paths below the folder of all that is there, as the store itself tells them."""
        if self.server is not None:
            prefix = self.url.partition("://")[2].partition("/")[2]
            return sorted(
                key[len(prefix) + 1 :] for key in self.server.objects() if key.startswith(prefix)
            )
        fs, root = fsspec.core.url_to_fs(self.url)
        found = fs.find(root) if fs.exists(root) else []
        return sorted(path[len(root.rstrip("/")) + 1 :] for path in found)

    def asked(self, call: Callable[[], object]) -> list[Asked]:
        """The requests that a call costs."""
        before = len(self.server.requests())
        call()
        return self.server.requests()[before:]


@pytest.fixture(params=["file", "memory", "s3", "gs", "abfs"])
def kind(request, tmp_path, use) -> Iterator[Kind]:
    # What a user may call a folder. adlfs, Azure's, takes no brackets there.
    folder = f"{uuid4().hex}/büro (1) 50%20 + #x"
    if request.param == "file":
        yield Kind(f"file://{tmp_path}/{folder}[1]", None)
    elif request.param == "memory":
        yield Kind(f"memory://{folder}[1]", None)
    else:
        server = use(request.param)
        brackets = "" if request.param == "abfs" else "[1]"
        yield Kind(f"{server.url}/{folder}{brackets}", server)


@pytest.fixture
def storage(kind) -> Storage:
    return kind.open()


def run_python(code: str, environment: dict[str, str], *args: str) -> subprocess.CompletedProcess:
    """Run some code in a process of its own, which reads its environment anew."""
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
