"""What a producer works with: settings → Celery app, ledger, storage, staging.

The workers have a composition root of their own, `workers.wiring`.
"""

from __future__ import annotations

import asyncio
from typing import Final

from celery import Celery

from conveyor.domain.redaction import redact_server_url
from conveyor.ledger import PRODUCERS, Client, Ledger, connect
from conveyor.ledger.index import Index
from conveyor.ledger.keys import Keys
from conveyor.ledger.reservations import Reservations
from conveyor.ledger.storage_mark import StorageMark
from conveyor.ledger.watch import Watch
from conveyor.messaging.bells import Belfry
from conveyor.messaging.extensions import BACKENDS, transport_of
from conveyor.messaging.idle import close_broker
from conveyor.messaging.publishing import Publisher
from conveyor.names import Queues
from conveyor.process_local import mind_forks, process_local
from conveyor.producing.staging import Staging
from conveyor.settings import ProducerSettings
from conveyor.storage import Storage
from conveyor.storage.marker import Marker

__all__ = ["ProducerServices"]

# A web request waits while a message is published: a broker that is away must show at once.
_PUBLISH_RETRY: Final = {
    "max_retries": 2,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.2,
}


class ProducerServices:
    """The ledger, the storage and the broker, as one producer reaches them.

    Each process that you fork or spawn makes its own when it first uses one.

    Args:
        settings: Where they are.

    Attributes:
        settings: The same.
        app: The Celery app that sends what Conveyor itself sends. It is ours, so no setting of
            your application has a part in it.
        publisher: Where messages are published.
    """

    def __init__(self, settings: ProducerSettings) -> None:
        self.settings = settings
        self.app = _app_of(settings)
        self.publisher = Publisher(self.app, Queues(settings.namespace))
        mind_forks(self.app)

    @property
    def redis_url(self) -> str:
        """Where the ledger is, with credentials."""
        return self.settings.redis_url.get_secret_value()

    @property
    def broker_url(self) -> str:
        """Where the broker is, with credentials."""
        return self.settings.broker_url.get_secret_value()

    @property
    def broker_address(self) -> str:
        """Where the broker is, without credentials."""
        return redact_server_url(self.broker_url)

    @process_local
    def client(self) -> Client:
        """The connections to Redis."""
        return connect(self.redis_url, self.settings.namespace, patience=PRODUCERS)

    @process_local
    def ledger(self) -> Ledger:
        """The truth about every conversion, in Redis."""
        return Ledger(self.client, Belfry(self.publisher, _PUBLISH_RETRY))

    @process_local
    def index(self) -> Index:
        """The conversions by state."""
        return Index(self.client, self.ledger.find_many)

    @process_local
    def mark(self) -> StorageMark:
        """Which storage is in use, according to Redis."""
        return StorageMark(self.client)

    @process_local
    def marker(self) -> Marker:
        """Whether the storage that is set here is the one in use."""
        return Marker(self.settings.storage_url, self.mark)

    @process_local
    def storage(self) -> Storage:
        """Where staged sources and results lie."""
        return Storage(self.settings.storage_url, marker=self.marker)

    @process_local
    def reservations(self) -> Reservations:
        """Staged folders that no conversion owns yet."""
        return Reservations(self.client)

    @process_local
    def staging(self) -> Staging:
        """The way into the storage."""
        return Staging(self.storage, self.reservations, self.marker)

    @process_local
    def watch(self) -> Watch:
        """Those who follow conversions in this process's event loops."""
        return Watch(self.redis_url, Keys(self.settings.namespace).changed)

    def close(self) -> None:
        """Close this process's connections that are not in use."""
        client = ProducerServices.client.made(self)
        if client is not None:
            client.close_idle()
        staging = ProducerServices.staging.made(self)
        if staging is not None:
            staging.close()
        close_broker(self.app)

    async def aclose(self) -> None:
        """Close the same, and this event loop's connection, without blocking the loop."""
        watch = ProducerServices.watch.made(self)
        if watch is not None:
            await watch.aclose()
        await asyncio.to_thread(self.close)


def _app_of(settings: ProducerSettings) -> Celery:
    """A Celery app that only enqueues. It is not made the process's default."""
    broker_url = settings.broker_url.get_secret_value()
    app = Celery("conveyor", set_as_current=False)
    app.loader.override_backends = BACKENDS
    app.conf.update(
        broker_url=broker_url,
        result_backend=settings.result_backend.get_secret_value(),
        broker_transport=transport_of(broker_url, "ProducerTransport"),
        broker_connection_timeout=PRODUCERS.connect_s,
        broker_transport_options={
            "socket_connect_timeout": PRODUCERS.connect_s,
            "socket_timeout": PRODUCERS.answer_s,
            **Queues(settings.namespace).unacknowledged,
        },
        redis_socket_connect_timeout=PRODUCERS.connect_s,
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        # Flower sees a conversion from the moment it is enqueued.
        task_send_sent_event=True,
    )
    return app
