"""Which Celery settings of an application can't work with Conveyor (invariant I7).

An application's signatures are published by its own processes, and its own workers run what comes
after them. Most settings have no part in that, or `conveyor.messaging.publishing` overrides them.
The rest stands here. `docs/production.md` has the whole table.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from celery import Celery
from celery.exceptions import QueueNotFound
from kombu.connection import Connection

from conveyor import names
from conveyor.domain.redaction import redact_server_url
from conveyor.domain.servers import ServerUrl
from conveyor.domain.url_parts import Host, is_redis_url
from conveyor.errors import SettingsError
from conveyor.messaging.publishing import options_of

__all__ = ["broker_of", "check_application", "check_signing", "results_of"]

_ELSEWHERE: Final = "or make Conveyor(broker_url=…) without celery_app"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_JSON: Final = frozenset({"json", "application/json"})
_PROTOCOL: Final = 2


def broker_of(app: Celery) -> str:
    """The broker that an application publishes to.

    Args:
        app: The application's.

    Returns:
        Its URL.

    Raises:
        SettingsError: It names several, or none.
    """
    conf = app.conf
    url = conf.broker_write_url or conf.broker_url
    if not url:
        raise _wrong("broker_url", "is missing", "set it to the workers' broker")
    if isinstance(url, str) and is_redis_url(url):
        return _read("broker_url", url, conf.broker_transport_options, conf.broker_use_ssl)
    if not isinstance(url, str) or ";" in url:
        raise _wrong("broker_url", "names several brokers", "name only the workers' broker")
    return url


def _read(name: str, url: str, options: Any, tls: Any) -> str:
    """An application's URL with what its settings say beside it, as Conveyor writes it."""
    try:
        server = ServerUrl.of_application(
            url, options or {}, tls if isinstance(tls, Mapping) else None
        )
    except ValueError as error:
        raise _wrong(name, "can't be read", str(error)) from None
    return server.url


def results_of(app: Celery) -> str | None:
    """Where an application keeps results, if workers of ours can keep theirs there, too.

    Args:
        app: The application's.
    """
    conf = app.conf
    if not isinstance(conf.result_backend, str) or not is_redis_url(conf.result_backend):
        return None
    options = conf.result_backend_transport_options
    return _read("result_backend", conf.result_backend, options, conf.redis_backend_use_ssl)


def check_application(app: Celery, broker_url: str, result_backend: str) -> None:
    """Refuse settings of an application that can't work.

    Args:
        app: The application's.
        broker_url: The workers' broker.
        result_backend: Where the workers keep results.

    Raises:
        SettingsError: One can't; the message names it and says what to do, in one line.
    """
    for look in (*_LOOKS, *_of_servers(broker_url, result_backend)):
        for name, why, remedy in look(app):
            raise _wrong(name, why, remedy)


def check_signing(app: Celery, queue: str) -> None:
    """Refuse what keeps a signature of ours from being published by this process.

    Args:
        app: The application's, or ours.
        queue: Where signatures go.

    Raises:
        SettingsError: A setting keeps a signature from being published.
    """
    if app.conf.task_always_eager:
        raise _wrong(
            "task_always_eager",
            "runs tasks in your own process, but conversions run in Conveyor's workers",
            "turn it off in the process that makes signatures, or use convert()",
        )
    try:
        app.amqp.router.route(options_of(queue, app), names.SUBMIT, (), {})
    except QueueNotFound as error:
        raise _wrong(
            "task_create_missing_queues",
            f"keeps {names.SUBMIT} from being sent ({error})",
            "use only queues in task_routes and task_default_queue that task_queues lists",
        ) from error
    except Exception as error:
        raise _wrong(
            "task_routes",
            f"raises {type(error).__name__} for {names.SUBMIT}",
            "let it return None for task names that it does not know",
        ) from error


def _wrong(name: str, why: str, remedy: str) -> SettingsError:
    return SettingsError(f"{name} of the Celery app {why}: {remedy}, {_ELSEWHERE}.")


Complaints = Iterator[tuple[str, str, str]]


def _look_at_protocol(app: Celery) -> Complaints:
    if app.conf.task_protocol != _PROTOCOL:
        why = f"is {app.conf.task_protocol!r}, and its messages show your documents' URLs to Flower"
        yield "task_protocol", why, "set it to 2"


def _look_at_transport(app: Celery) -> Complaints:
    if app.conf.broker_transport:
        connect: Callable[[str], Any] = Connection
        theirs = app.connection_for_write().get_transport_cls()
        if not issubclass(theirs, connect(broker_of(app)).get_transport_cls()):
            yield "broker_transport", "does not match its broker_url", "leave it out"


def _look_at_broker_options(app: Celery) -> Complaints:
    options = app.conf.broker_transport_options or {}
    if options.get("global_keyprefix"):
        yield (
            "broker_transport_options['global_keyprefix']",
            "hides its messages from Conveyor's workers, and their messages from its own",
            "leave it out",
        )
    steps = options.get("priority_steps")
    if steps is not None and not _has_lowest(steps):
        yield (
            "broker_transport_options['priority_steps']",
            "has no step 0, so Conveyor's workers never see its messages",
            "let it begin with 0",
        )


def _has_lowest(steps: Any) -> bool:
    """Whether kombu's Redis transport takes priority 0 to the queue that has the plain name."""
    steps = list(steps)
    return bool(steps) and steps[bisect(steps, 0) - 1] == 0


def _look_at_content(app: Celery) -> Complaints:
    conf = app.conf
    remedy = "add 'json' to it"
    if not _JSON & set(conf.accept_content or ()):
        why = "lacks 'json', but Conveyor's workers send callbacks as JSON"
        yield "accept_content", why, remedy
    if conf.result_accept_content is not None and not _JSON & set(conf.result_accept_content):
        yield "result_accept_content", "lacks 'json', but conversion results are JSON", remedy
    if conf.result_serializer != "json":
        why = f"is {conf.result_serializer!r}, but conversion results are JSON"
        yield "result_serializer", why, "set it to 'json'"


def _look_at_result_options(app: Celery) -> Complaints:
    options = app.conf.result_backend_transport_options or {}
    if options.get("global_keyprefix"):
        yield (
            "result_backend_transport_options['global_keyprefix']",
            "hides conversion results from it",
            "leave it out",
        )
    if not options.get("result_chord_ordered", True):
        yield (
            "result_backend_transport_options['result_chord_ordered']",
            "counts a chord's parts differently from Conveyor's workers",
            "leave it out",
        )


def _look_at_tls(app: Celery) -> Complaints:
    conf = app.conf
    for name, url, options in (
        ("broker_use_ssl", conf.broker_url, conf.broker_use_ssl),
        ("redis_backend_use_ssl", conf.result_backend, conf.redis_backend_use_ssl),
    ):
        if options and str(url).startswith("redis:"):
            yield name, "conflicts with a redis:// URL", "write the URL as rediss://"


_LOOKS: Final = (
    _look_at_protocol,
    _look_at_transport,
    _look_at_broker_options,
    _look_at_content,
    _look_at_result_options,
    _look_at_tls,
)


def _of_servers(
    broker_url: str, result_backend: str
) -> tuple[Callable[[Celery], Complaints], Callable[[Celery], Complaints]]:
    def look_at_broker(app: Celery) -> Complaints:
        theirs = broker_of(app)
        if _place_of(theirs) != _place_of(broker_url):
            why = f"is {_shown(theirs)}, but the workers' is {_shown(broker_url)}"
            yield "broker_url", why, "make them the same"

    def look_at_results(app: Celery) -> Complaints:
        theirs = results_of(app) or app.conf.result_backend
        if not isinstance(theirs, str) or _place_of(theirs) != _place_of(result_backend):
            why = (
                f"is {_shown(theirs)}, but the workers keep results in {_shown(result_backend)}, "
                "so AsyncResult and chords would wait forever"
            )
            yield "result_backend", why, "make them the same"

    return look_at_broker, look_at_results


def _place_of(url: str) -> tuple[str, ...]:
    """What makes two URLs the same server and database, whatever their users and options are."""
    try:
        if is_redis_url(url):
            server = ServerUrl.parse(url)
            hosts = sorted(_host_of(host) for host in server.hosts)
            kind = server.scheme.replace("rediss", "redis").replace("sentinels", "sentinel")
            return kind, *hosts, server.path, server.master, str(server.database)
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", str(parts.port or ""), parts.path.strip("/")
    except ValueError:
        return (url,)


def _host_of(host: Host) -> str:
    return f"{'loopback' if host.name in _LOOPBACK else host.name}:{host.port}"


def _shown(url: Any) -> str:
    if not isinstance(url, str) or not url:
        return "missing" if not url else type(url).__name__
    return redact_server_url(url) if "://" in url else repr(url)
