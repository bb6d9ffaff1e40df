"""`Conveyor`: what a web application calls. Its parts do the work."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from functools import partial
from typing import IO, Any, Self

from celery import Celery, Signature

from conveyor.async_twins import async_twin
from conveyor.callbacks.callbacks import Callbacks
from conveyor.dead.letters import DeadLetters
from conveyor.domain.callback import CallbackInput
from conveyor.domain.conversion import Conversion, StagedFile
from conveyor.domain.deadlines import DeadlineInput
from conveyor.domain.metadata import Metadata
from conveyor.domain.redaction import redact_server_url
from conveyor.domain.request import ConversionRequest
from conveyor.domain.sources import SourceInput
from conveyor.domain.spans import Span
from conveyor.domain.terms import Terms
from conveyor.errors import BrokerUnavailable
from conveyor.handle import Handle
from conveyor.ledger import Ledger, NotRung
from conveyor.ledger.waiting import explained
from conveyor.ledger.watch import Watch
from conveyor.messaging.application_servers import broker_of, results_of
from conveyor.messaging.publishing import Publisher
from conveyor.process_local import process_local
from conveyor.producing.accepting import Acceptance, Asked
from conveyor.producing.callbacks import CallbacksInput, caller_of
from conveyor.producing.ending import Ending
from conveyor.producing.linking import Linking
from conveyor.producing.local_sources import request_of
from conveyor.producing.overview import Overview
from conveyor.producing.signing import Signing
from conveyor.producing.wiring import ProducerServices
from conveyor.settings import ExplicitSettings, ProducerSettings, load
from conveyor.storage import Storage
from conveyor.storage.marker import Marker
from conveyor.watching.fleet import Status, status_of
from conveyor.watching.patience import HOST_TIME, Time

__all__ = ["Conveyor"]


class Conveyor(Overview, Ending, Linking):
    """Enqueues conversions and finds them again. Safe for threads, event loops and forks.

    One is enough for a program: threads and event loops share it, and each process that is forked
    or spawned opens connections of its own when it first uses it. ``with`` and ``async with`` close
    it at their end.

    Args:
        broker_url: Celery's broker, the workers' own.
        redis_url: Where the ledger lives; the broker's server unless given.
        result_backend: Celery's result backend; ``redis_url`` unless given.
        storage_url: Where local files are staged and results lie, as the workers know it.
        celery_app: The application's own Celery app, for `signature` and ``AsyncResult``. It must
            use the workers' broker and result backend, which are taken from it unless given.
            `convert` never goes through it.
        namespace: What keys and queues begin with, as the workers know it; ``conveyor`` unless
            given.
        link_url: Where customers reach the `web` process, for `link`.
        link_key: What signs these links; `web` needs the same as ``CONVEYOR_LINK_KEY``.
        callback_url: The address that hears of conversions without a ``callback`` of their own.
        callback_events: ``ends`` for ends alone, ``changes`` for all changes of state.

    Raises:
        SettingsError: A value is wrong, or a setting of the Celery app can't work.
    """

    def __init__(
        self,
        broker_url: str | None = None,
        redis_url: str | None = None,
        result_backend: str | None = None,
        storage_url: str | None = None,
        celery_app: Celery | None = None,
        *,
        namespace: str | None = None,
        link_url: str | None = None,
        link_key: str | None = None,
        callback_url: str | None = None,
        callback_events: str | None = None,
    ) -> None:
        if celery_app is not None:
            broker_url = broker_url or broker_of(celery_app)
            result_backend = result_backend or results_of(celery_app)
        given = {
            "broker_url": broker_url,
            "redis_url": redis_url,
            "result_backend": result_backend,
            "storage_url": storage_url,
            "namespace": namespace,
            "link_url": link_url,
            "link_key": link_key,
            "callback_url": callback_url,
            "callback_events": callback_events,
        }
        settings = load(ExplicitSettings, **{k: v for k, v in given.items() if v is not None})
        self._make(settings, celery_app)
        self._signing.check()

    def __getstate__(self) -> tuple[ProducerSettings, Celery | None]:
        """What another process makes one of, as `multiprocessing` passes arguments."""
        return self._settings, self._given_app

    def __setstate__(self, state: tuple[ProducerSettings, Celery | None]) -> None:
        self._make(*state)

    def _make(self, settings: ProducerSettings, app: Celery | None) -> None:
        self._settings, self._given_app = settings, app
        self._services = ProducerServices(settings)
        self._acceptance = Acceptance(self._services)
        self._signing = Signing(self._services, app)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    @classmethod
    def from_env(cls, celery_app: Celery | None = None, namespace: str | None = None) -> Self:
        """Read ``CONVEYOR_BROKER_URL`` and the few other settings that a producer needs.

        Args:
            celery_app: As in the constructor. The broker is taken from it.
            namespace: Instead of ``CONVEYOR_NAMESPACE``.

        Raises:
            SettingsError: One is wrong; the message names it.
        """
        known = {} if celery_app is None else {"broker_url": broker_of(celery_app)}
        settings = load(ProducerSettings, **known)
        return cls(
            broker_url=settings.broker_url.get_secret_value(),
            redis_url=settings.redis_url.get_secret_value(),
            result_backend=settings.result_backend.get_secret_value(),
            storage_url=settings.storage_url,
            celery_app=celery_app,
            namespace=namespace or settings.namespace,
            link_url=settings.link_url,
            link_key=settings.link_key.get_secret_value(),
            callback_url=settings.callback_url,
            callback_events=settings.callback_events,
        )

    def convert(
        self,
        source: SourceInput,
        to: str,
        from_format: str | None = None,
        params: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        *,
        semi_async_seconds: int | None = None,
        metadata: Metadata | None = None,
        deadline: DeadlineInput | None = None,
        keep: Span | None = None,
        callback: CallbackInput | None = None,
        on_success: CallbacksInput | None = None,
        on_failure: CallbacksInput | None = None,
    ) -> Handle:
        """Enqueue a conversion and return immediately.

        The ledger's entry is opened before the message is published. Where you repeat an
        idempotency key, the first call's metadata, deadline, keep, callback and callbacks count.

        Args:
            source: A URL that ConvertAPI can reach, a local path (staged in the storage), any
                fsspec URL that the workers may read, a FileId, or a list of these.
            to: The target format, ``"pdf"``, or operation, ``"merge"``.
            from_format: The source's format; taken from its name unless given.
            params: ConvertAPI's parameters by its own names, ``{"PageRange": "1-3"}``. One whose
                name ends in ``File`` takes a single source of any kind: ``{"OverlayFile":
                "stamp.pdf"}``.
            idempotency_key: The same key returns the same conversion for 7 days, from any number
                of producers at once. Sources are compared by URL, local files by their content.
            semi_async_seconds: How long a worker keeps the submit's connection open for the
                result itself, whole seconds from 0 to 1200 and at most ``Timeout``. Meant for
                large files. It holds one of the worker's slots for that time. 0 never waits, None
                leaves it to the workers' ``CONVEYOR_SEMI_ASYNC_SECONDS``.
            metadata: Your own data about it, ``{"order": 4711}``: text, numbers and booleans under
                up to 16 keys, 4,096 bytes in all. You find it in every record of the conversion,
                so keep secrets out of it.
            deadline: By when it must have begun at the service: a datetime with a time zone, or a
                timedelta or seconds from its acceptance on. What has not begun by then is
                cancelled, unpaid.
            keep: How long its result files stay in the storage once its caller knows of them:
                ``"7d"``, ``"12h"``, a timedelta, or seconds, from a minute to ten years. Workers
                remove them then. None leaves it to the workers' ``CONVEYOR_KEEP_SECONDS``.
            callback: An https address that Conveyor calls when the conversion has ended, or
                ``{"url": …, "events": "changes"}`` to hear of every change of state. See
                ``docs/how-to/be-told-by-a-webhook.md``. ``CONVEYOR_CALLBACK_URL`` unless given.
            on_success: Celery signatures to run in your workers with the result, as ``link`` has
                them: one, or a list. Each is sent once, to the queue that your Celery app routes it
                to.
            on_failure: The same when it ends without files, as ``link_error`` has them.

        Returns:
            A handle on it.

        Raises:
            InvalidRequest: It can't be right, or the key was used for a different request; nothing
                was stored or paid.
            SettingsError: A route of your Celery app raises for a callback.
            BrokerUnavailable: The message could not be published; nothing was accepted. With an
                idempotency key, and a broker that is away, it is accepted all the same: it goes on
                when the broker is back.
            LedgerUnavailable: Redis can't be reached; nothing was accepted.
            AcceptanceUnknown: Redis went away in that moment; it may have been accepted.
            StorageError: A local file can't be staged.
        """
        build = partial(request_of, source, to, from_format, params, semi_async_seconds)
        caller = caller_of(on_success, on_failure, self._signing.applications)
        asked = Asked(build, Terms.of(metadata, deadline, keep, callback), idempotency_key, caller)
        return Handle(self._acceptance.accept(asked), self)

    async def aconvert(
        self,
        source: SourceInput,
        to: str,
        from_format: str | None = None,
        params: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        *,
        semi_async_seconds: int | None = None,
        metadata: Metadata | None = None,
        deadline: DeadlineInput | None = None,
        keep: Span | None = None,
        callback: CallbackInput | None = None,
        on_success: CallbacksInput | None = None,
        on_failure: CallbacksInput | None = None,
    ) -> Handle:
        """Accept a conversion without blocking the event loop, as `convert` does.

        A caller that is cancelled waits until what is under way has ended. Then nothing was
        accepted, unless a worker has the conversion in hand by then: that one goes on.
        """
        build = partial(request_of, source, to, from_format, params, semi_async_seconds)
        caller = caller_of(on_success, on_failure, self._signing.applications)
        asked = Asked(build, Terms.of(metadata, deadline, keep, callback), idempotency_key, caller)
        return Handle(await self._acceptance.aaccept(asked), self)

    def stage(self, name: str, content: IO[bytes] | Iterable[bytes]) -> StagedFile:
        """Stream an upload into the storage as a conversion's source, never whole in memory.

        Args:
            name: Its file name, which tells its format.
            content: A binary file, or pieces of one. When it raises, nothing is left behind.

        Returns:
            The staged file. It belongs to the conversion that takes it as its source, and to one
            alone; what no conversion takes within an hour is removed by the workers.

        Raises:
            InvalidRequest: It is empty.
            StorageError: The storage can't be written.
            LedgerUnavailable: Redis can't be reached.
        """
        return self._services.staging.stage(name, content)

    async def astage(self, name: str, chunks: AsyncIterable[bytes]) -> StagedFile:
        """Stage a document without blocking, from a request's body as it comes."""
        return await self._services.staging.astage(name, chunks)

    def unstage(self, files: Iterable[StagedFile]) -> None:
        """Remove staged files that will not be converted; what a conversion owns is left alone.

        Args:
            files: From `stage`.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        self._services.staging.unstage(files)

    def signature(
        self,
        source: SourceInput | None = None,
        *,
        to: str,
        from_format: str | None = None,
        params: Mapping[str, Any] | None = None,
        semi_async_seconds: int | None = None,
        metadata: Metadata | None = None,
        deadline: DeadlineInput | None = None,
        keep: Span | None = None,
        callback: CallbackInput | None = None,
        on_success: CallbacksInput | None = None,
        on_failure: CallbacksInput | None = None,
    ) -> Signature:
        """Make a Celery signature that converts, for chain, group, chord, link and ``AsyncResult``.

        It is a template, as every signature is: each run is a conversion of its own. A signature is
        as durable as the broker until a worker has it. A file that was staged for it is kept for 30
        days after its last run. Its result is ``Conversion.to_dict()``; a failed conversion raises
        `ConversionFailed` there.

        Whatever your app's own settings are, it goes to Conveyor's workers, as JSON.

        Args:
            source: As in `convert`. Without one, it is the result of the task before it in a
                chain: a source of any kind, or another conversion.
            to: As in `convert`.
            from_format: As in `convert`.
            params: As in `convert`.
            semi_async_seconds: As in `convert`.
            metadata: As in `convert`.
            deadline: As in `convert`. Seconds count from a worker's first look at the message.
            keep: As in `convert`.
            callback: As in `convert`.
            on_success: As in `convert`. ``apply_async(link=…)`` replaces it.
            on_failure: As in `convert`. ``apply_async(link_error=…)`` replaces it.

        Returns:
            The signature. It takes no idempotency key, because its task id is one: a ``task_id`` of
            your own, of up to 200 letters, digits and signs, makes a repeat of the same request the
            same conversion. For a different request it fails.

        Raises:
            InvalidRequest: It can't be right.
            SettingsError: A setting of the Celery app keeps it from being sent.
            StorageError: A local file can't be staged.
            LedgerUnavailable: Redis can't be reached.
        """
        asked = to, from_format, params, semi_async_seconds
        return self._signing.sign(
            ConversionRequest.of_result(*asked) if source is None else request_of(source, *asked),
            Terms.of(metadata, deadline, keep, callback),
            caller_of(on_success, on_failure, self._signing.applications),
        )

    def get(self, conversion_id: str) -> Conversion:
        """A conversion's current state.

        Args:
            conversion_id: Its id, ``handle.id``.

        Raises:
            ConversionDeleted: You have deleted it.
            UnknownConversion: There is none, or it ended more than 7 days ago.
            LedgerUnavailable: Redis can't be reached.
        """
        return self.ledger.get(conversion_id).conversion

    def status(self, conversion_id: str) -> Status:
        """A conversion as it stands, and how far it is.

        Args:
            conversion_id: Its id.

        Raises:
            UnknownConversion: There is none.
            LedgerUnavailable: Redis can't be reached.
        """
        ledger = self.ledger
        (entry,) = explained(ledger.client, [ledger.get(conversion_id)])
        return status_of(entry, ledger.expected_durations)

    def job_ended(self, conversion_id: str, job_id: str = "") -> None:
        """Accept a webhook: the next poll comes as early as permitted, and nothing else changes.

        Check the webhook's signature first (`conveyor.webhooks`).

        Args:
            conversion_id: The conversion.
            job_id: As the call names the job. Unless it does, the conversion's present job counts.

        Raises:
            LedgerUnavailable: Redis can't be reached.
            BrokerUnavailable: The poll's bell could not be sent. It is due, and the sweep rings.
        """
        try:
            self.ledger.job_ended(conversion_id, job_id)
        except NotRung:
            raise BrokerUnavailable(
                f"The broker at {self._services.broker_address} did not accept the poll. Start "
                "the broker. A worker will poll."
            ) from None

    def handle(self, conversion_id: str) -> Handle:
        """A handle on a conversion that was enqueued elsewhere, or earlier.

        Raises:
            UnknownConversion: There is none.
        """
        self.ledger.get(conversion_id)
        return Handle(conversion_id, self)

    aunstage = async_twin(unstage)
    """Async version of `unstage`."""

    asignature = async_twin(signature)
    """Async version of `signature`."""

    aget = async_twin(get)
    """Async version of `get`."""

    astatus = async_twin(status)
    """Async version of `status`."""

    ahandle = async_twin(handle)
    """Async version of `handle`."""

    ajob_ended = async_twin(job_ended)
    """Async version of `job_ended`."""

    @process_local
    def dead_letters(self) -> DeadLetters:
        """Conversions that have ended without files."""
        services = self._services
        return DeadLetters(services.ledger, services.index, services.storage, services.publisher)

    @process_local
    def callbacks(self) -> Callbacks:
        """What is on its way to the addresses that callers gave as ``callback``."""
        return Callbacks(self._services.ledger.notices)

    @property
    def storage(self) -> Storage:
        """The storage with the results: ``storage.read(file.uri)`` streams one."""
        return self._services.storage

    @property
    def ledger(self) -> Ledger:
        """The ledger, for the doctor and for tests."""
        return self._services.ledger

    @property
    def redis_address(self) -> str:
        """The address of the ledger's Redis, without credentials."""
        return redact_server_url(self._services.redis_url)

    @property
    def watch(self) -> Watch:
        """The followers of conversions in this process's event loops, for `Handle`."""
        return self._services.watch

    @property
    def time(self) -> Time:
        """The clock by which `Handle.wait` waits: the host's."""
        return HOST_TIME

    @property
    def celery_app(self) -> Celery:
        """The Celery app of signatures and ``AsyncResult``: the application's, or one of ours."""
        return self._signing.app

    @property
    def publisher(self) -> Publisher:
        """The publisher of messages, for the doctor."""
        return self._services.publisher

    @property
    def marker(self) -> Marker:
        """Whether the storage is the one in use; for the command line and the checks."""
        return self._services.marker

    def close(self) -> None:
        """Close this process's connections that are not in use.

        A call that is under way in another thread or event loop goes on to its end. A later call
        connects again, and to close twice does nothing. The application's own Celery app stays as
        it is.
        """
        self._services.close()

    async def aclose(self) -> None:
        """Close everything, this event loop's connection too, without blocking.

        Other event loops keep theirs: await it once in each that has followed a conversion.
        """
        await self._services.aclose()
