"""The composition root: settings in, the parts that the tasks work with out.

Made once a process, when first needed: a forked pool process must not share its parent's sockets.
"""

from __future__ import annotations

from typing import Final

from celery import Celery

from config.settings import WorkerSettings
from conveyor.callbacks.addresses import Networks, networks_of
from conveyor.callbacks.posting import Poster
from conveyor.callbacks.signing import keys_of
from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.timeouts import Timeouts
from conveyor.convertapi.transport import Transport
from conveyor.domain.next_steps import Limits
from conveyor.ledger import Ledger, connect
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
from conveyor.storage import Storage
from conveyor.storage.marker import Marker
from workers.announcing import Announcer
from workers.credentials import credentials_of, owner_of
from workers.crew import Crew
from workers.dialects import Dialects
from workers.heartbeat import Heartbeat
from workers.notifying import Notifier
from workers.services import Services

__all__ = ["build", "use", "wired"]

# Several heartbeats may fail, and Redis may pause for ten seconds, before it lapses. What a killed
# worker had in hand is worked on again within fifteen seconds, the sweep's own among them.
_LEASE_S: Final = 13.0
_SPARE_CONNECTIONS: Final = 8


def build(app: Celery, settings: WorkerSettings, node: str = "") -> Services:
    """Make the parts.

    Args:
        app: The Celery application.
        settings: The workers' settings.
        node: The worker's name for its events; empty where it sends none.

    Returns:
        The services, with connections of its own.
    """
    url, spacing_s = settings.redis_url.get_secret_value(), settings.poll_spacing_seconds
    client = connect(url, settings.namespace, _most_connections(settings))
    publisher = Publisher(app, Queues(settings.namespace))
    bells = Belfry(publisher)
    ledger = Ledger(client, bells)
    turnstile = Turnstile(client, spacing_s, _LEASE_S)
    governor = Governor(client, settings.account_name, spacing_s, settings.account_jobs)
    storage = Storage(settings.storage_url, settings.source_folders)
    return Services(
        publisher=publisher,
        bells=bells,
        settings=settings,
        ledger=ledger,
        index=Index(client, ledger.find_many),
        staging=Staging(storage, Reservations(client)),
        dialects=Dialects(ledger, settings.account_name, settings.dialects),
        governor=governor,
        turnstile=turnstile,
        deliveries=DeliveryLeases(client, _LEASE_S),
        claims=Claims(client, ledger, turnstile, governor, settings.hold_seconds),
        heartbeat=Heartbeat(ledger, _LEASE_S),
        crew=Crew(settings.requests),
        backend=app.backend,
        api=ConvertApi(_transport(settings)),
        storage=storage,
        marker=Marker(settings.storage_url, StorageMark(client)),
        limits=_limits(settings),
        notifier=_notifier(settings, ledger),
        announcer=Announcer(app, node),
    )


def _most_connections(settings: WorkerSettings) -> int:
    """One for each thread that may talk to a server at a time, and some for the keepers."""
    slots = settings.concurrency if settings.pool == "threads" else 1
    return slots + settings.requests + settings.callback_requests + _SPARE_CONNECTIONS


def _transport(settings: WorkerSettings) -> Transport:
    return Transport(
        settings.api_url,
        credentials_of(settings),
        owner=owner_of(settings),
        auth=settings.api_auth,
        timeouts=Timeouts(
            settings.connect_timeout_seconds,
            settings.read_timeout_seconds,
            settings.answer_timeout_seconds,
            settings.transfer_timeout_seconds,
        ),
        # The clean-up's threads have connections of their own.
        pool_size=_most_connections(settings),
        proxy=settings.api_proxy,
    )


def _notifier(settings: WorkerSettings, ledger: Ledger) -> Notifier:
    poster = Poster(
        Networks(networks_of(settings.callback_networks)),
        settings.callback_timeout_seconds,
        allow_http=settings.callback_allow_http,
        proxy=settings.callback_proxy,
    )
    return Notifier(
        ledger.notices,
        poster,
        keys_of(settings.callback_secrets.get_secret_value()),
        threads=settings.callback_requests,
        per_receiver=settings.callback_per_receiver,
    )


def _limits(settings: WorkerSettings) -> Limits:
    return Limits(
        submits=settings.submit_attempts,
        consecutive_failures=settings.poll_failures,
        submit_s=settings.submit_seconds,
        hold_s=settings.hold_seconds,
        proof_s=settings.proof_seconds,
        proof_closed_s=settings.proof_closed_seconds,
        may_repay=settings.allow_repay,
    )


class _Wiring:
    """The process's services: a fork makes its own."""

    def __init__(self) -> None:
        self._given: tuple[Celery, WorkerSettings, str] | None = None

    def use(self, app: Celery, settings: WorkerSettings, node: str = "") -> None:
        """Say what the process's services are made of, and part with those that it has.

        Args:
            app: The Celery application.
            settings: The workers' settings.
            node: The worker's name for its events; empty where it sends none.
        """
        self._given = (app, settings, node)
        former = _Wiring._services.take(self)
        if former is not None:
            former.heartbeat.stop()

    @process_local
    def _services(self) -> Services:
        if self._given is None:
            raise RuntimeError("workers.wiring.use() was not called")
        return build(*self._given)

    def wired(self) -> Services:
        """Return the process's services, made when they are first needed.

        Raises:
            RuntimeError: Nobody has said what they are made of.
        """
        return self._services


_WIRING: Final = _Wiring()
use = _WIRING.use
wired = _WIRING.wired
