"""redis-py's client, without a connection: its commands run in this process."""

from __future__ import annotations

from typing import Any, Final, cast

from redis.client import Pipeline

from conveyor.ledger.connection import Client
from conveyor.ledger.in_memory.server import MemoryServer
from conveyor.ledger.keys import Keys

__all__ = ["in_memory_client"]


# What these options say concerns a connection.
_OF_THE_WIRE: Final = frozenset({"keys", "never_decode", "empty_response"})


def in_memory_client(server: MemoryServer, namespace: str) -> Client:
    """A client of the ledger's that reaches an in-memory server.

    Args:
        server: The server.
        namespace: Below which our keys lie.
    """
    client = _MemoryClient(protocol=2, decode_responses=True)
    client.server = server
    client.keyspace = Keys(namespace)
    return client


class _Answering:
    """Runs commands, and reads their answers as redis-py does."""

    server: MemoryServer
    response_callbacks: Any

    def answer(self, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        options = {name: value for name, value in options.items() if name not in _OF_THE_WIRE}
        # Some names are two words, `SCRIPT LOAD`.
        words = [*str(args[0]).split(), *map(_text_of, args[1:])]
        found = self.server.run(*words)
        read = self.response_callbacks.get(args[0])
        return read(found, **options) if read else _plain(found)


class _MemoryClient(_Answering, Client):
    """A client without a connection."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run a command."""
        return self.answer(args, options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """Commands that run as one."""
        made = _MemoryPipeline(
            self.connection_pool, self.response_callbacks, transaction, shard_hint
        )
        made.server = self.server
        return made

    def close_idle(self) -> None:
        """Nothing: there is no connection."""


class _MemoryPipeline(_Answering, Pipeline):
    """A pipeline without a connection; each runs without another's commands in between."""

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Run what was collected."""
        stack, self.command_stack = self.command_stack, []
        with self.server.lock:
            for script in self.scripts:
                self.server.script("LOAD", cast("str", script.script))
            answers = [self._one(args, options) for args, options in stack]
        for answer in answers:
            if raise_on_error and isinstance(answer, Exception):
                raise answer
        return answers

    def _one(self, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        try:
            return self.answer(args, options)
        except Exception as error:  # noqa: BLE001  # because redis-py answers with it, too
            return error


def _text_of(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    return repr(value) if isinstance(value, float) else str(value)


def _plain(answer: Any) -> Any:
    return str(answer) if isinstance(answer, str) else answer
