"""The server: runs one command after the other, and the scripts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from threading import RLock
from typing import Any, Final

import redis
from redis.exceptions import NoScriptError

from conveyor.ledger.in_memory.clock import Clock
from conveyor.ledger.in_memory.hashes_and_lists import HashesAndLists
from conveyor.ledger.in_memory.keys_and_texts import KeysAndTexts
from conveyor.ledger.in_memory.lua import Lua
from conveyor.ledger.in_memory.sets import Sets
from conveyor.ledger.in_memory.values import Status, Values

__all__ = ["COMMANDS", "MemoryServer"]

_METHODS: Final = {"del": "del_"}
COMMANDS: Final = frozenset(
    {"del", "eval", "evalsha", "ping", "publish", "script", "time"}
    | {
        name
        for part in (KeysAndTexts, HashesAndLists, Sets)
        for name, value in vars(part).items()
        if callable(value) and not name.startswith("_") and name != "del_"
    }
)
"""The commands that there are, in lower case."""


class MemoryServer(KeysAndTexts, HashesAndLists, Sets):
    """A Redis in memory. Safe for threads: one command, pipeline or script runs at a time.

    Args:
        clock: Its clock.

    Attributes:
        clock: The same.
        values: What it keeps.
        lock: Held by whoever runs a command, or several as one.
        on_publish: Called with each message that is published on a channel.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.values = Values(clock)
        self.lock = RLock()
        self.on_publish: list[Callable[[str, str], None]] = []
        self._scripts: dict[str, str] = {}
        self._lua = Lua(self.run)

    def run(self, name: str, *args: str) -> Any:
        """Run a command.

        Args:
            name: The command, in any case.
            args: Its arguments.

        Returns:
            Its answer, as a server gives it.

        Raises:
            ResponseError: It is wrong, or not known in memory.
        """
        command = getattr(self, _METHODS.get(name.lower(), name.lower()), None)
        if name.lower() not in COMMANDS or command is None:
            raise redis.ResponseError(
                f"ERR the in-memory ledger has no command {name}: use the real one, "
                "`conveyor_stack`"
            )
        with self.lock:
            self.clock.tick()
            return command(*args)

    def time(self) -> list[str]:
        """TIME."""
        seconds, fraction = divmod(self.clock.now, 1)
        return [str(int(seconds)), str(int(fraction * 1_000_000))]

    def ping(self) -> Status:
        """PING."""
        return Status("PONG")

    def publish(self, channel: str, message: str) -> int:
        """PUBLISH."""
        for hear in self.on_publish:
            hear(channel, message)
        return len(self.on_publish)

    def script(self, what: str, text: str) -> str:
        """SCRIPT LOAD."""
        if what.upper() != "LOAD":
            raise redis.ResponseError(f"ERR SCRIPT {what} is not known in memory")
        sha = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - as Redis names scripts
        self._scripts[sha] = text
        return sha

    def evalsha(self, sha: str, count: str, *rest: str) -> Any:
        """EVALSHA."""
        if sha not in self._scripts:
            raise NoScriptError("NOSCRIPT No matching script. Please use EVAL.")
        return self._lua.run(self._scripts[sha], rest[: int(count)], rest[int(count) :])

    def eval(self, text: str, count: str, *rest: str) -> Any:
        """EVAL."""
        return self.evalsha(self.script("LOAD", text), count, *rest)
