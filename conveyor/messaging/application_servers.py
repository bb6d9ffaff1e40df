"""Where an application publishes and keeps results, and whether the workers do the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from celery import Celery

from conveyor.domain.redaction import redact_server_url
from conveyor.domain.servers import ServerUrl
from conveyor.domain.url_parts import Host, is_redis_url
from conveyor.messaging.complaint import Complaint, Complaints

__all__ = ["broker_of", "look_at_broker", "look_at_results", "results_of"]

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


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
        raise Complaint("broker_url", "is missing", "set it to the workers' broker").error()
    if isinstance(url, str) and is_redis_url(url):
        return _read("broker_url", url, conf.broker_transport_options, conf.broker_use_ssl)
    if not isinstance(url, str) or ";" in url:
        raise Complaint(
            "broker_url", "names several brokers", "name only the workers' broker"
        ).error()
    return url


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


def _read(name: str, url: str, options: Any, tls: Any) -> str:
    """An application's URL with what its settings say beside it, as Conveyor writes it."""
    try:
        server = ServerUrl.of_application(
            url, options or {}, tls if isinstance(tls, Mapping) else None
        )
    except ValueError as error:
        raise Complaint(name, "can't be read", str(error)).error() from None
    return server.url


def look_at_broker(app: Celery, broker_url: str) -> Complaints:
    """Find whether an application publishes elsewhere than to the workers' broker.

    Args:
        app: The application's.
        broker_url: The workers' broker.
    """
    theirs = broker_of(app)
    if _place_of(theirs) != _place_of(broker_url):
        why = f"is {_shown(theirs)}, but the workers' is {_shown(broker_url)}"
        yield Complaint("broker_url", why, "make them the same")


def look_at_results(app: Celery, result_backend: str) -> Complaints:
    """Find whether an application looks for results elsewhere than the workers keep them.

    Args:
        app: The application's.
        result_backend: Where the workers keep results.
    """
    theirs = results_of(app) or app.conf.result_backend
    if not isinstance(theirs, str) or _place_of(theirs) != _place_of(result_backend):
        why = (
            f"is {_shown(theirs)}, but the workers keep results in {_shown(result_backend)}, "
            "so AsyncResult and chords would wait forever"
        )
        yield Complaint("result_backend", why, "make them the same")


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
