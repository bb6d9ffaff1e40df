"""`Conveyor`: what a web application calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import IO, Any, Self
from uuid import uuid4

from celery import Celery, Signature
from kombu.exceptions import OperationalError
from pydantic import SecretStr

from conveyor import application, names, neighbours
from conveyor.bells import Belfry
from conveyor.cancelling import cancel
from conveyor.dead_letters import DeadLetters
from conveyor.domain.conversion import Conversion, Progress, StagedFile, State
from conveyor.domain.redaction import redact_server_url
from conveyor.domain.request import ConversionRequest
from conveyor.domain.sources import SourceInput, SourceKind, parse_sources, prefer_local, staged
from conveyor.errors import (
    AcceptanceUnknown,
    BrokerUnavailable,
    ConveyorError,
    InvalidRequest,
    LedgerUnavailable,
)
from conveyor.fingerprint import fingerprint_of
from conveyor.fleet import Fleet, Page, page_of
from conveyor.handle import Handle, progress_of
from conveyor.idle import close_broker, close_redis
from conveyor.ledger import (
    PRODUCERS,
    AlreadyAccepted,
    Client,
    Idempotency,
    Ledger,
    NotRung,
    connect,
    governor,
)
from conveyor.ledger.governor import AccountStatus
from conveyor.ledger.index import Index
from conveyor.ledger.keys import Keys
from conveyor.ledger.reservations import Reservations
from conveyor.ledger.storage_mark import StorageMark
from conveyor.ledger.waiting import explained
from conveyor.ledger.watch import Watch
from conveyor.names import Queues
from conveyor.neighbours import Neighbours
from conveyor.process_local import mind_forks, process_local
from conveyor.publishing import Publisher, announce, options_of
from conveyor.settings import ExplicitSettings, ProducerSettings, load
from conveyor.staging import Staging, local_file
from conveyor.storage import Storage
from conveyor.storage.marker import Marker
from conveyor.transport import BACKENDS, transport_of

__all__ = ["Conveyor"]

# A web request waits while a message is published: a broker that is away must show at once.
_PUBLISH_RETRY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}


class Conveyor:
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
    ) -> None:
        if celery_app is not None:
            broker_url = broker_url or application.broker_of(celery_app)
            result_backend = result_backend or application.results_of(celery_app)
        given = {
            "broker_url": broker_url,
            "redis_url": redis_url,
            "result_backend": result_backend,
            "storage_url": storage_url,
            "namespace": namespace,
        }
        settings = load(ExplicitSettings, **{k: v for k, v in given.items() if v is not None})
        self._settings: ProducerSettings = settings
        self._given_app = celery_app
        self._open_publisher()
        self._check_application()

    def __getstate__(self) -> tuple[ProducerSettings, Celery | None]:
        """What another process makes one of, as `multiprocessing` passes arguments."""
        return self._settings, self._given_app

    def __setstate__(self, state: tuple[ProducerSettings, Celery | None]) -> None:
        self._settings, self._given_app = state
        self._open_publisher()

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
        known = {} if celery_app is None else {"broker_url": application.broker_of(celery_app)}
        settings = load(ProducerSettings, **known)
        return cls(
            broker_url=settings.broker_url.get_secret_value(),
            redis_url=settings.redis_url.get_secret_value(),
            result_backend=settings.result_backend.get_secret_value(),
            storage_url=settings.storage_url,
            celery_app=celery_app,
            namespace=namespace or settings.namespace,
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
    ) -> Handle:
        """Enqueue a conversion; returns at once.

        The ledger's entry is opened before the message is published.

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

        Returns:
            A handle on it.

        Raises:
            InvalidRequest: It can't be right, or the key was used for a different request; nothing
                was stored or paid.
            BrokerUnavailable: The message could not be published; nothing was accepted. With an
                idempotency key, and a broker that is away, it is accepted all the same: it goes on
                when the broker is back.
            LedgerUnavailable: Redis can't be reached; nothing was accepted.
            AcceptanceUnknown: Redis went away in that moment; it may have been accepted.
            StorageError: A local file can't be staged.
        """
        asked = source, to, from_format, params, semi_async_seconds
        return self._convert(_Order(), idempotency_key, partial(_request_of, *asked))

    async def aconvert(
        self,
        source: SourceInput,
        to: str,
        from_format: str | None = None,
        params: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        *,
        semi_async_seconds: int | None = None,
    ) -> Handle:
        """Accept a conversion without blocking the event loop, as `convert` does.

        A caller that is cancelled waits until what is under way has ended. Then nothing was
        accepted, unless a worker has the conversion in hand by then: that one goes on.
        """
        order = _Order()
        build = partial(_request_of, source, to, from_format, params, semi_async_seconds)
        accepting = asyncio.to_thread(self._convert, order, idempotency_key, build)
        converting = asyncio.ensure_future(accepting)
        try:
            return await asyncio.shield(converting)
        except asyncio.CancelledError:
            order.withdrawn.set()
            with suppress(Exception):
                await asyncio.shield(converting)
                # It was accepted before its thread could see that nobody waits for it.
                await asyncio.to_thread(order.take_back)
            raise

    def stage(self, name: str, content: IO[bytes] | Iterable[bytes]) -> StagedFile:
        """Stream an upload into the storage: the source of a conversion, never whole in memory.

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
        return self._staging.stage(name, content)

    async def astage(self, name: str, chunks: AsyncIterable[bytes]) -> StagedFile:
        """Stage a document without blocking, from a request's body as it comes."""
        return await self._staging.astage(name, chunks)

    def unstage(self, files: Iterable[StagedFile]) -> None:
        """Remove staged files that will not be converted; what a conversion owns is left alone.

        Args:
            files: From `stage`.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        self._staging.unstage(files)

    def signature(
        self,
        source: SourceInput | None = None,
        *,
        to: str,
        from_format: str | None = None,
        params: Mapping[str, Any] | None = None,
        semi_async_seconds: int | None = None,
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

        Returns:
            The signature. A ``task_id`` of your own, of up to 200 letters, digits and signs, makes
            a repeat of the same request the same conversion. For a different request it fails.

        Raises:
            InvalidRequest: It can't be right.
            SettingsError: A setting of the Celery app keeps it from being sent.
            StorageError: A local file can't be staged.
            LedgerUnavailable: Redis can't be reached.
        """
        asked = to, from_format, params, semi_async_seconds
        request = _local_first(
            ConversionRequest.of_result(*asked) if source is None else _request_of(source, *asked)
        )
        self._check_application()
        application.check_signing(self.celery_app, self._publisher.queues.submit)
        signed = self._staged(request)
        try:
            self._keep_for_long(signed)
            return self._signature(signed)
        except BaseException:
            self._unstage_new(request, signed)
            raise

    def _signature(self, request: ConversionRequest) -> Signature:
        app, has_source = self.celery_app, bool(request.sources)
        return app.signature(
            names.SUBMIT,
            args=([item.value for item in request.sources],) if has_source else (),
            kwargs={
                "to": request.to_format,
                "from_format": request.from_format or None,
                "params": request.plain_params,
                "semi_async_seconds": request.semi_async_seconds,
                # The same content may be staged in another place each time.
                "asked": fingerprint_of(request) if has_source else "",
            },
            **options_of(self._publisher.queues.submit, app),
            argsrepr="()",
            kwargsrepr=request.redacted(),
            headers={names.VERSION_HEADER: names.MESSAGE_VERSION},
            # With a source of its own it takes none from the task before it.
            immutable=has_source,
            app=app,
        )

    def cancel(self, conversion_id: str) -> Conversion:
        """Cancel a conversion, whatever its state. A worker deletes the job at the service.

        Its caller's ``get()`` and ``wait()`` raise `ConversionCancelled`. What the service has
        already charged stays charged.

        Args:
            conversion_id: Its id.

        Returns:
            The conversion at its end: cancelled, or as it had ended before.

        Raises:
            UnknownConversion: There is none.
            LedgerUnavailable: Redis can't be reached.
        """
        entry = self._ledger.get(conversion_id)
        cancelled = cancel(self._publisher, self._ledger, entry)
        return (cancelled or self._ledger.get(conversion_id)).conversion

    def get(self, conversion_id: str) -> Conversion:
        """A conversion as it stands.

        Args:
            conversion_id: Its id, ``handle.id``.

        Raises:
            UnknownConversion: There is none, or it ended more than 7 days ago.
            LedgerUnavailable: Redis can't be reached.
        """
        return self._ledger.get(conversion_id).conversion

    def status(self, conversion_id: str) -> tuple[Conversion, Progress]:
        """A conversion as it stands, and how far it is, in one look.

        Args:
            conversion_id: Its id.

        Raises:
            UnknownConversion: There is none.
            LedgerUnavailable: Redis can't be reached.
        """
        (entry,) = explained(self._client, [self._ledger.get(conversion_id)])
        return entry.conversion, progress_of(
            entry, self._ledger.expected_durations.of(entry.request)
        )

    async def aget(self, conversion_id: str) -> Conversion:
        """Get a conversion as it stands, without blocking the event loop."""
        return await asyncio.to_thread(self.get, conversion_id)

    async def acancel(self, conversion_id: str) -> Conversion:
        """Cancel a conversion, without blocking the event loop."""
        return await asyncio.to_thread(self.cancel, conversion_id)

    async def ahandle(self, conversion_id: str) -> Handle:
        """Make a handle for a conversion, without blocking the event loop."""
        return await asyncio.to_thread(self.handle, conversion_id)

    def list(self, state: State | None = None, limit: int = 50, cursor: str = "") -> Page:
        """Conversions page by page, those accepted last first.

        Args:
            state: Only those in this state.
            limit: At most so many on a page.
            cursor: `Page.cursor` of the page before.

        Raises:
            InvalidRequest: The cursor is invalid.
            LedgerUnavailable: Redis can't be reached.
        """
        entries, following = self._index.page(state, limit, cursor)
        return page_of(explained(self._client, entries), following, self._ledger.expected_durations)

    def fleet(self) -> Fleet:
        """The fleet at a glance: how many conversions stand where, and how the accounts do.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        return Fleet.of(self._index.read(), self.accounts(), self._mark.strangers())

    def job_ended(self, conversion_id: str, job_id: str = "") -> None:
        """Take a webhook's call: the next poll comes as soon as it may, and nothing else changes.

        Whoever calls this has checked the call's signature (`conveyor.webhooks`).

        Args:
            conversion_id: The conversion.
            job_id: As the call names the job. Unless it does, the conversion's present job counts.

        Raises:
            LedgerUnavailable: Redis can't be reached.
            BrokerUnavailable: The poll's bell could not be sent. It is due, and the sweep rings.
        """
        try:
            self._ledger.job_ended(conversion_id, job_id)
        except NotRung:
            raise BrokerUnavailable(
                f"The broker at {self._broker_address} did not take the poll: start it. "
                "A worker rings for it."
            ) from None

    def handle(self, conversion_id: str) -> Handle:
        """A handle on a conversion that was enqueued elsewhere, or earlier.

        Raises:
            UnknownConversion: There is none.
        """
        self._ledger.get(conversion_id)
        return self._handle(conversion_id)

    def accounts(self) -> Sequence[AccountStatus]:
        """The accounts that the workers submit for, and how they stand.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        return governor.accounts(self._client)

    def neighbours(self) -> Neighbours:
        """Who else lives in the ledger's Redis and the broker's, by name: a bounded look.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        settings = self._settings
        urls = (_secret(settings.redis_url), _secret(settings.broker_url))
        return neighbours.look(urls, settings.namespace)

    def resume(self, account: str) -> bool:
        """End an account's hold: its submits go on within seconds.

        Args:
            account: Its name, as `accounts` shows it.

        Returns:
            Whether it was on hold.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        return governor.resume(self._client, account)

    @process_local
    def dead_letters(self) -> DeadLetters:
        """Conversions that have ended without files."""
        return DeadLetters(self._ledger, self._index, self._storage, self._publisher)

    @property
    def storage(self) -> Storage:
        """Where results lie: ``storage.read(file.uri)`` streams one."""
        return self._storage

    @property
    def ledger(self) -> Ledger:
        """The ledger, for the doctor and for tests."""
        return self._ledger

    @property
    def redis_address(self) -> str:
        """Where the ledger lives, without credentials."""
        return redact_server_url(self._settings.redis_url.get_secret_value())

    @property
    def watch(self) -> Watch:
        """The followers of conversions in this process's event loops, for `Handle`."""
        return self._watch

    @property
    def celery_app(self) -> Celery:
        """The Celery app of signatures and ``AsyncResult``: the application's, or one of ours."""
        return self._given_app or self._app

    @property
    def publisher(self) -> Publisher:
        """Where messages are published, for the doctor."""
        return self._publisher

    def close(self) -> None:
        """Close this process's connections that are not in use.

        A call that is under way in another thread or event loop goes on to its end. A later call
        connects again, and to close twice does nothing. The application's own Celery app stays as
        it is.
        """
        client = Conveyor._client.made(self)
        if client is not None:
            close_redis(client)
        staging = Conveyor._staging.made(self)
        if staging is not None:
            staging.close()
        close_broker(self._app)

    async def aclose(self) -> None:
        """Close everything, this event loop's connection too, without blocking.

        Other event loops keep theirs: await it once in each that has followed a conversion.
        """
        watch = Conveyor._watch.made(self)
        if watch is not None:
            await watch.aclose()
        await asyncio.to_thread(self.close)

    def _open_publisher(self) -> None:
        # What we send ourselves goes through an app of our own.
        self._app = producer_app(self._settings)
        # Whether the last conversion was accepted: then the next one need not ask for Redis first.
        self._was_redis_there = False
        self._publisher = Publisher(self._app, Queues(self._settings.namespace))
        for app in {self._app, self.celery_app}:
            mind_forks(app)

    def _convert(
        self, order: _Order, idempotency_key: str | None, build: Callable[[], ConversionRequest]
    ) -> Handle:
        """Accept a conversion as a whole, or leave nothing of it."""
        request = _local_first(build())
        is_local = any(it.kind is SourceKind.LOCAL for it in request.attachments.values())
        if is_local or not self._was_redis_there:
            # Before anything is staged. Where Redis is away, nothing was accepted for sure.
            self._ledger.check()
        if idempotency_key is None:
            return self._handle(self._opened(str(uuid4()), request, None, order))
        idempotency = Idempotency(idempotency_key, fingerprint_of(request))
        known = self._ledger.accepted_under(idempotency)
        if known is not None and self._ledger.join(known):
            self._staging.remove(self._owned(request))
            return self._handle(known)
        return self._handle(self._opened(known or str(uuid4()), request, idempotency, order))

    def _opened(
        self,
        conversion_id: str,
        asked: ConversionRequest,
        idempotency: Idempotency | None,
        order: _Order,
    ) -> str:
        """Stage, open the entry, ring.

        Returns:
            The conversion's id: of another producer's, where that was first with the key.
        """
        request = self._staged(asked)
        owned = self._owned(request)
        taken = self._storage.tokens_of(request.addresses)
        take_back = partial(self._take_back_quietly, conversion_id, owned, idempotency)
        try:
            order.check()
            opened = self._ledger.open(
                conversion_id, request, owns=owned, takes=taken, idempotency=idempotency
            )
        except NotRung as error:
            return self._unless_taken_back(
                conversion_id, owned, idempotency, error.__cause__ or error
            )
        except AlreadyAccepted as first:
            return self._join_instead(first.bound, asked, request, idempotency, order)
        except LedgerUnavailable as error:
            self._was_redis_there = False
            raise _unknown(conversion_id, error) from error
        except Exception:
            self._unstage_new(asked, request)
            raise
        except BaseException:
            # Ctrl-C, or a time-out of gevent's: the entry may be there, with nobody to know of it.
            take_back()
            raise
        if opened is None:
            return self._join_instead(conversion_id, asked, request, idempotency, order)
        self._was_redis_there = True
        order.take_back = take_back
        announce(self._publisher, conversion_id, names.SUBMIT, request.redacted())
        if order.withdrawn.is_set():
            order.take_back()
        return conversion_id

    def _join_instead(
        self,
        conversion_id: str,
        asked: ConversionRequest,
        request: ConversionRequest,
        idempotency: Idempotency | None,
        order: _Order,
    ) -> str:
        """Hold the conversion of a producer that was first; open it, if that one has let it go."""
        joined = self._ledger.join(conversion_id)
        if joined:
            self._staging.remove(self._owned(request))
            return conversion_id
        self._unstage_new(asked, request)
        return self._opened(conversion_id, asked, idempotency, order)

    def _unless_taken_back(
        self,
        conversion_id: str,
        owned: Sequence[str],
        idempotency: Idempotency | None,
        error: BaseException,
    ) -> str:
        """What becomes of a conversion whose bell could not be sent: it was not accepted.

        Returns:
            Its id, where it is accepted all the same: a worker has it already, or it is to be found
            by its key, and the sweep rings.

        Raises:
            BrokerUnavailable: It was taken back.
            AcceptanceUnknown: Redis went away, too.
        """
        if idempotency is not None and isinstance(error, OperationalError):
            return conversion_id
        try:
            taken_back = self._take_back(conversion_id, owned, idempotency)
        except LedgerUnavailable as away:
            raise _unknown(conversion_id, away) from error
        if taken_back:
            raise self._not_sent(error) from error
        return conversion_id

    def _not_sent(self, error: BaseException) -> BrokerUnavailable:
        if isinstance(error, OperationalError):
            return BrokerUnavailable(
                f"The broker at {self._broker_address} did not take the message: start it, or set "
                "CONVEYOR_BROKER_URL. The conversion was not accepted."
            )
        return BrokerUnavailable(
            f"The message could not be sent ({type(error).__name__}): see the error that caused "
            "this one. The conversion was not accepted."
        )

    def _take_back(
        self, conversion_id: str, owned: Sequence[str], idempotency: Idempotency | None
    ) -> bool:
        """Take a conversion back, with its files, unless a worker has it in hand.

        Its message may be under way: it then finds nothing to do.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        if not self._ledger.forget(conversion_id, idempotency):
            return False
        self._reservations.give_back(owned)
        self._staging.remove(owned)
        return True

    def _take_back_quietly(
        self, conversion_id: str, owned: Sequence[str], idempotency: Idempotency | None
    ) -> None:
        with suppress(ConveyorError):
            if not self._take_back(conversion_id, owned, idempotency):
                self._staging.remove(owned)

    def _unstage_new(self, asked: ConversionRequest, request: ConversionRequest) -> None:
        """Remove the files that were staged for this request; those that came staged are kept."""
        given = set(self._owned(asked))
        new = [token for token in self._owned(request) if token not in given]
        # Where Redis is away just now, the reservations run out by themselves.
        with suppress(LedgerUnavailable):
            self._reservations.unsign(new)
            self._staging.remove(new)

    def _check_application(self) -> None:
        if self._given_app is not None:
            broker, results = self._settings.broker_url, self._settings.result_backend
            application.check_application(self._given_app, _secret(broker), _secret(results))

    def _handle(self, conversion_id: str) -> Handle:
        return Handle(conversion_id, self)

    def _staged(self, request: ConversionRequest) -> ConversionRequest:
        """The request with its local files in the storage: all of them, or none."""
        files: dict[str, StagedFile] = {}
        try:
            for key, source in request.attachments.items():
                if source.kind is SourceKind.LOCAL:
                    files[key] = self._staging.stage_path(source.value)
        except BaseException:
            # Where Redis is away just now, the reservations run out by themselves.
            with suppress(LedgerUnavailable):
                self._staging.unstage(files.values())
            raise
        return request.with_attachments({key: staged(file) for key, file in files.items()})

    def _owned(self, request: ConversionRequest) -> Sequence[str]:
        """The folders of files that were staged for this request."""
        return self._storage.tokens_of(
            source.value for source in request.attachments.values() if source.sha256
        )

    def _keep_for_long(self, request: ConversionRequest) -> None:
        owned = self._owned(request)
        for token in self._storage.tokens_of(request.addresses):
            if not self._reservations.sign(token) and token in owned:
                raise InvalidRequest(
                    "An uploaded file belongs to another conversion: upload it again."
                )

    @process_local
    def _client(self) -> Client:
        url, namespace = _secret(self._settings.redis_url), self._settings.namespace
        return connect(url, namespace, patience=PRODUCERS)

    @process_local
    def _ledger(self) -> Ledger:
        return Ledger(self._client, Belfry(self._publisher, _PUBLISH_RETRY))

    @process_local
    def _storage(self) -> Storage:
        return Storage(self._settings.storage_url, marker=self.marker)

    @process_local
    def marker(self) -> Marker:
        """Whether the storage is the one in use; for the command line and the checks."""
        return Marker(self._settings.storage_url, self._mark)

    @process_local
    def _mark(self) -> StorageMark:
        return StorageMark(self._client)

    @process_local
    def _index(self) -> Index:
        return Index(self._client, self._ledger.find_many)

    @process_local
    def _reservations(self) -> Reservations:
        return Reservations(self._client)

    @process_local
    def _staging(self) -> Staging:
        return Staging(self._storage, self._reservations, self.marker)

    @process_local
    def _watch(self) -> Watch:
        return Watch(_secret(self._settings.redis_url), Keys(self._settings.namespace).changed)

    @property
    def _broker_address(self) -> str:
        return redact_server_url(self._settings.broker_url.get_secret_value())


def producer_app(settings: ProducerSettings) -> Celery:
    """A Celery app that only enqueues.

    Args:
        settings: Where the broker and the result backend are.

    Returns:
        The app; it is not made the process's default.
    """
    app = Celery("conveyor", set_as_current=False)
    app.loader.override_backends = BACKENDS
    app.conf.update(
        broker_url=_secret(settings.broker_url),
        result_backend=_secret(settings.result_backend),
        broker_transport=transport_of(_secret(settings.broker_url), "ProducerTransport"),
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


@dataclass
class _Order:
    """One call of `convert`, which may be cancelled while a thread is at it.

    Attributes:
        withdrawn: Set when nobody waits for it any more.
        take_back: Takes back what was accepted, if no worker has it in hand.
    """

    withdrawn: Event = field(default_factory=Event)
    take_back: Callable[[], None] = lambda: None

    def check(self) -> None:
        """Raise where nobody waits for it any more, so that it ends here.

        Raises:
            ConveyorError: It was withdrawn.
        """
        if self.withdrawn.is_set():
            raise ConveyorError("Whoever asked for the conversion was cancelled meanwhile.")


def _unknown(conversion_id: str, error: Exception) -> AcceptanceUnknown:
    return AcceptanceUnknown(
        f"{error} The conversion {conversion_id} may have been accepted: look for it then. "
        "With an idempotency key it can be enqueued again and is not paid twice."
    )


def _request_of(source: SourceInput, *asked: Any) -> ConversionRequest:
    """The request; local sources are looked for before anything else is said of them.

    Raises:
        InvalidRequest: It can't be right.
    """
    for each in map(prefer_local, parse_sources(source)):
        if each.kind is SourceKind.LOCAL:
            local_file(each.value)
    return ConversionRequest.build(source, *asked)


def _local_first(request: ConversionRequest) -> ConversionRequest:
    """A request as its producer means it, its local files seen before anything is stored.

    Raises:
        InvalidRequest: One is missing, empty or no file.
    """
    request = request.preferring_local()
    for source in request.attachments.values():
        if source.kind is SourceKind.LOCAL:
            local_file(source.value)
    return request


def _secret(value: SecretStr) -> str:
    return value.get_secret_value()
