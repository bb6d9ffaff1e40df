"""The composition root: settings in, the parts that the tasks work with out.

Made once a process, when first needed: a forked pool process must not share its parent's sockets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from celery import Celery

from config.settings import WorkerSettings
from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.keeping import Keeper
from conveyor.convertapi.timeouts import Timeouts
from conveyor.convertapi.transport import Transport
from conveyor.domain.conversion import StoredFile
from conveyor.domain.jobs import job_uuid
from conveyor.domain.next_steps import Limits
from conveyor.domain.schedule import Schedule
from conveyor.ledger import Entry, Ledger, connect
from conveyor.ledger.claims import Claims
from conveyor.ledger.delivery_lease import DeliveryLeases
from conveyor.ledger.governor import Governor
from conveyor.ledger.index import Index
from conveyor.ledger.reservations import Reservations
from conveyor.ledger.storage_mark import StorageMark
from conveyor.ledger.turnstile import Turnstile
from conveyor.messaging.bells import Belfry
from conveyor.messaging.publishing import Publisher
from conveyor.names import Queues
from conveyor.process_local import process_local
from conveyor.producing.staging import Staging
from conveyor.storage import Storage, unique_names
from conveyor.storage.marker import Marker
from conveyor.webhooks import address_of
from workers.announcing import Announcer
from workers.credentials import credentials_of, owner_of
from workers.crew import Crew
from workers.dialects import Dialects
from workers.heartbeat import Heartbeat

__all__ = ["Services", "use", "wired"]

# Several heartbeats may fail, and Redis may pause for ten seconds, before it lapses. What a killed
# worker had in hand is worked on again within fifteen seconds, the sweep's own among them.
_LEASE_S: Final = 13.0
_SPARE_CONNECTIONS: Final = 8
_SPARE_S: Final = 15.0


@dataclass(frozen=True, eq=False)
class Services:
    """The services that the tasks use.

    Attributes:
        publisher: Where messages are sent.
        bells: Says that something is due.
        settings: The workers' settings.
        ledger: The truth.
        index: Which conversions stand where.
        staging: What producers have left in the storage.
        dialects: Which to speak.
        governor: What the account may do now.
        turnstile: Single flight and spacing.
        deliveries: Who brings an outcome to its caller.
        claims: Takes what is due.
        heartbeat: Keeps what is being worked on from being taken for lost.
        crew: Talks to the service, many conversions side by side.
        backend: Where results are stored.
        api: The service.
        storage: The files.
        marker: Whether it is the storage in use.
        limits: When to give up.
        announcer: Shows outcomes to whoever watches the workers.
    """

    publisher: Publisher
    bells: Belfry
    settings: WorkerSettings
    ledger: Ledger
    index: Index
    staging: Staging
    dialects: Dialects
    governor: Governor
    turnstile: Turnstile
    deliveries: DeliveryLeases
    claims: Claims
    heartbeat: Heartbeat
    crew: Crew
    backend: Any
    api: ConvertApi
    storage: Storage
    marker: Marker
    limits: Limits
    announcer: Announcer = field(default_factory=Announcer)

    @property
    def most_answer_s(self) -> float:
        """The longest duration of a request that does not wait for a result, in seconds."""
        return (
            self.settings.answer_timeout_seconds
            + 3 * self.settings.connect_timeout_seconds
            + _SPARE_S
        )

    @property
    def most_file_s(self) -> float:
        """The longest that one result file takes, seconds."""
        return self.settings.transfer_timeout_seconds + self.most_answer_s

    def most_upload_s(self, entry: Entry) -> float:
        """The longest that a conversion's uploads take, seconds."""
        return (self.settings.transfer_timeout_seconds + _SPARE_S) * len(entry.request.attachments)

    @cached_property
    def job_key(self) -> bytes:
        """From which job ids are derived: as it is set, or the one that Redis keeps.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        own = self.settings.job_key.get_secret_value()
        return (own or self.ledger.job_key()).encode()

    def job_uuid(self, entry: Entry) -> UUID:
        """The id of the job that a conversion's present attempt is, the same whenever it is asked.

        Args:
            entry: The conversion.
        """
        return job_uuid(self.job_key, entry.id, entry.attempt)

    @property
    def spacing_s(self) -> float:
        """The least time between two requests for a job, seconds."""
        return self.settings.poll_spacing_seconds

    def schedule_of(self, entry: Entry) -> Schedule:
        """When a conversion's job is polled.

        Args:
            entry: The conversion.
        """
        expectation = self.ledger.expected_durations.of(entry.request)
        return Schedule(self.spacing_s, expectation, is_called=entry.webhook)

    def webhook(self, conversion_id: str) -> str:
        """The webhook's URL for a job; empty if the service shall not call.

        Args:
            conversion_id: Whose address it is.
        """
        base_url, key = self.settings.webhook_url, self.settings.webhook_key.get_secret_value()
        return address_of(base_url, key, conversion_id) if base_url else ""

    def keeper(self, conversion_id: str) -> Keeper:
        """Stores result bytes that came in an answer itself.

        Args:
            conversion_id: The conversion's id.
        """
        names: list[str] = []

        def keep(name: str, chunks: Iterable[bytes]) -> StoredFile:
            self.marker.check()
            names.append(name)
            return self.storage.save(conversion_id, unique_names(names)[-1], chunks)

        return keep


def build(app: Celery, settings: WorkerSettings, node: str = "") -> Services:
    """Make the parts.

    Args:
        app: The Celery application.
        settings: The workers' settings.
        node: The worker's name for its events; empty where it sends none.

    Returns:
        The services, with connections of its own.
    """
    timeouts = Timeouts(
        settings.connect_timeout_seconds,
        settings.read_timeout_seconds,
        settings.answer_timeout_seconds,
        settings.transfer_timeout_seconds,
    )
    slots = settings.concurrency if settings.pool == "threads" else 1
    threads = slots + settings.requests
    client = connect(
        settings.redis_url.get_secret_value(), settings.namespace, threads + _SPARE_CONNECTIONS
    )
    publisher = Publisher(app, Queues(settings.namespace))
    bells = Belfry(publisher)
    ledger = Ledger(client, bells)
    turnstile = Turnstile(client, settings.poll_spacing_seconds, _LEASE_S)
    account = settings.account_name
    governor = Governor(client, account, settings.poll_spacing_seconds, settings.account_jobs)
    storage = Storage(settings.storage_url, settings.source_folders)
    marker = Marker(settings.storage_url, StorageMark(client))
    return Services(
        publisher=publisher,
        bells=bells,
        settings=settings,
        ledger=ledger,
        index=Index(client, ledger.find_many),
        staging=Staging(storage, Reservations(client)),
        dialects=Dialects(ledger, account, settings.dialects),
        governor=governor,
        turnstile=turnstile,
        deliveries=DeliveryLeases(client, _LEASE_S),
        claims=Claims(client, ledger, turnstile, governor, settings.hold_seconds),
        heartbeat=Heartbeat(ledger, _LEASE_S),
        crew=Crew(settings.requests),
        backend=app.backend,
        api=ConvertApi(
            Transport(
                settings.api_url,
                credentials_of(settings),
                owner=owner_of(settings),
                auth=settings.api_auth,
                timeouts=timeouts,
                # The clean-up's threads have connections of their own.
                pool_size=threads + _SPARE_CONNECTIONS,
                proxy=settings.api_proxy,
            )
        ),
        storage=storage,
        marker=marker,
        limits=Limits(
            submits=settings.submit_attempts,
            consecutive_failures=settings.poll_failures,
            submit_s=settings.submit_seconds,
            hold_s=settings.hold_seconds,
            proof_s=settings.proof_seconds,
            proof_closed_s=settings.proof_closed_seconds,
            may_repay=settings.allow_repay,
        ),
        announcer=Announcer(app, node),
    )


class _Wiring:
    """The process's services: a fork makes its own."""

    def __init__(self) -> None:
        self._given: tuple[Celery, WorkerSettings, str] | None = None

    def use(self, app: Celery, settings: WorkerSettings, node: str = "") -> None:
        self._given = (app, settings, node)
        _Wiring._services.take(self)

    @process_local
    def _services(self) -> Services:
        if self._given is None:
            raise RuntimeError("workers.wiring.use() was not called")
        return build(*self._given)

    def wired(self) -> Services:
        return self._services


_WIRING: Final = _Wiring()
use = _WIRING.use
wired = _WIRING.wired
