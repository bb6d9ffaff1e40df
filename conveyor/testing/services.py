"""What a fake works with: the parts of a producer, in memory."""

from __future__ import annotations

from functools import cached_property
from typing import cast
from uuid import uuid4

from conveyor.ledger import Ledger
from conveyor.ledger.connection import Client
from conveyor.ledger.in_memory import Clock, MemoryServer, MemoryWatch, in_memory_client
from conveyor.ledger.watch import Watch
from conveyor.messaging.publishing import Publisher
from conveyor.names import Queues
from conveyor.producing.wiring import ProducerServices
from conveyor.settings import ExplicitSettings, ProducerSettings, load
from conveyor.testing.silent_app import SilentApp

__all__ = ["FakeServices", "settings_in_memory"]

# Nobody ever asks it.
_NOWHERE = "redis://fake-conveyor.invalid:6379/0"


def settings_in_memory(namespace: str) -> ProducerSettings:
    """A producer's settings that name no server.

    Args:
        namespace: What keys begin with.
    """
    return load(
        ExplicitSettings,
        broker_url=_NOWHERE,
        redis_url=_NOWHERE,
        result_backend=_NOWHERE,
        # fsspec's memory is one for the process: each fake has a folder of its own there.
        storage_url=f"memory://fake-conveyor-{uuid4().hex}",
        namespace=namespace,
    )


class FakeServices(ProducerServices):
    """The ledger, the storage and the broker of one fake.

    Args:
        settings: From `settings_in_memory`.
        clock: The only clock.
        app: The app that hears what is published.

    Attributes:
        clock: The same.
    """

    def __init__(self, settings: ProducerSettings, clock: Clock, app: SilentApp) -> None:
        self.settings = settings
        self.clock = clock
        self.app = app
        self.publisher = Publisher(app, Queues(settings.namespace))

    @cached_property
    def server(self) -> MemoryServer:
        """The Redis in memory."""
        return MemoryServer(self.clock)

    @cached_property
    def client(self) -> Client:
        """The way to it."""
        return in_memory_client(self.server, self.settings.namespace)

    @cached_property
    def ledger(self) -> Ledger:
        """The truth about every conversion. No bell is rung: a test says what happens."""
        return Ledger(self.client)

    @cached_property
    def memory_watch(self) -> MemoryWatch:
        """Those who follow conversions."""
        return MemoryWatch(self.server, self.client.keyspace.changed)

    @property
    def watch(self) -> Watch:
        """The same, as the real one is called."""
        return cast("Watch", self.memory_watch)

    def close(self) -> None:
        """Let the threads of uploads end."""
        staging = ProducerServices.staging.made(self)
        if staging is not None:
            staging.close()

    async def aclose(self) -> None:
        """The same."""
        self.close()

    def forget_files(self) -> None:
        """Remove what lies in the storage."""
        from fsspec.implementations.memory import MemoryFileSystem  # noqa: PLC0415  # because it takes long

        if ProducerServices.storage.made(self) is None:
            return
        files = MemoryFileSystem()
        root = self.settings.storage_url.partition("://")[2]
        if files.exists(root):
            files.rm(root, recursive=True)
