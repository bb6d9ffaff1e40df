"""Celery signatures that convert."""

from __future__ import annotations

from celery import Celery, Signature

from conveyor import names
from conveyor.domain.canvas import Caller
from conveyor.domain.request import ConversionRequest
from conveyor.domain.terms import Terms
from conveyor.messaging import application
from conveyor.messaging.publishing import options_of
from conveyor.process_local import mind_forks
from conveyor.producing.fingerprint import fingerprint_of
from conveyor.producing.local_sources import LocalSources, local_first
from conveyor.producing.wiring import ProducerServices

__all__ = ["Signing"]


class Signing:
    """Makes signatures for one Celery app.

    Args:
        services: What the producer works with.
        app: The application's own Celery app; without one, signatures are of ours.

    Attributes:
        app: The Celery app of the signatures.
        applications: The application's own; None where there is none.

    Raises:
        SettingsError: A setting of the application's app can't work.
    """

    def __init__(self, services: ProducerServices, app: Celery | None) -> None:
        self.app = app or services.app
        self.applications = app
        self._services = services
        self._sources = LocalSources(services)
        mind_forks(self.app)

    def check(self) -> None:
        """Check the application's app: its broker and its results must be the workers' own.

        Raises:
            SettingsError: A setting of it can't work.
        """
        if self.applications is not None:
            results = self._services.settings.result_backend.get_secret_value()
            application.check_application(self.app, self._services.broker_url, results)

    def check_publishing(self) -> None:
        """Check that the app of this process can publish a signature of ours.

        Raises:
            SettingsError: A setting of it keeps it from that.
        """
        application.check_signing(self.app, self._services.publisher.queues.submit)

    def sign(self, asked: ConversionRequest, terms: Terms, caller: Caller | None) -> Signature:
        """Stage a request's local files, and make its signature.

        Args:
            asked: The request.
            terms: What its caller wants beside the conversion.
            caller: What runs after it, None where nothing does.

        Raises:
            InvalidRequest: It can't be right.
            SettingsError: A setting of the app keeps it from being sent.
            StorageError: A local file can't be staged.
            LedgerUnavailable: Redis can't be reached.
        """
        asked = local_first(asked)
        self.check()
        self.check_publishing()
        request = self._sources.stage(asked)
        try:
            self._sources.sign(request)
            return _with(self._signature(request, terms), caller)
        except BaseException:
            self._sources.unstage_new(asked, request)
            raise

    def _signature(self, request: ConversionRequest, terms: Terms) -> Signature:
        has_source, plain_terms = bool(request.sources), terms.plain()
        return self.app.signature(
            names.SUBMIT,
            args=([item.value for item in request.sources],) if has_source else (),
            kwargs={
                "to": request.to_format,
                "from_format": request.from_format or None,
                "params": request.plain_params,
                "semi_async_seconds": request.semi_async_seconds,
                # The same content may be staged in another place each time.
                "asked": fingerprint_of(request) if has_source else "",
                **({"terms": plain_terms} if plain_terms else {}),
            },
            **options_of(self._services.publisher.queues.submit, self.app),
            argsrepr="()",
            kwargsrepr=request.redacted(),
            headers={names.VERSION_HEADER: names.MESSAGE_VERSION},
            # With a source of its own it takes none from the task before it.
            immutable=has_source,
            app=self.app,
        )


def _with(signature: Signature, caller: Caller | None) -> Signature:
    """A signature with its callbacks, as Celery's own ``link`` and ``link_error`` write them."""
    options = {} if caller is None else {"link": caller.callbacks, "link_error": caller.errbacks}
    signature.options.update({name: each for name, each in options.items() if each})
    return signature
