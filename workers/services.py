"""The services of a process: what the tasks work with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from config.settings import WorkerSettings
from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.keeping import Keeper
from conveyor.domain.conversion import StoredFile
from conveyor.domain.jobs import job_uuid
from conveyor.domain.next_steps import Limits
from conveyor.domain.schedule import Schedule
from conveyor.ledger import Entry, Ledger
from conveyor.ledger.claims import Claims
from conveyor.ledger.delivery_lease import DeliveryLeases
from conveyor.ledger.governor import Governor
from conveyor.ledger.index import Index
from conveyor.ledger.turnstile import Turnstile
from conveyor.messaging.bells import Belfry
from conveyor.messaging.publishing import Publisher
from conveyor.producing.staging import Staging
from conveyor.storage import Storage, unique_names
from conveyor.storage.marker import Marker
from conveyor.webhooks import address_of
from workers.announcing import Announcer
from workers.crew import Crew
from workers.dialects import Dialects
from workers.heartbeat import Heartbeat
from workers.notifying import Notifier

__all__ = ["Services"]

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
        notifier: Calls receivers, with threads of its own.
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
    notifier: Notifier
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
            """Store one file of the answer, under a name that no earlier one of it has."""
            self.marker.check()
            names.append(name)
            return self.storage.save(conversion_id, unique_names(names)[-1], chunks)

        return keep
