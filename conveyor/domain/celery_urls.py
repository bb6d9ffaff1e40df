"""What a Celery application says of a server, in Celery's own words, as one URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from conveyor.domain.url_parts import TLS_OPTIONS, scheme_of

__all__ = ["with_options"]


def with_options(url: str, options: Mapping[str, Any], tls: Mapping[str, Any]) -> str:
    """An application's URL with what Celery is told beside it, as parts of the URL.

    Args:
        url: Its broker's or its result backend's URL, as Celery reads it.
        options: ``broker_transport_options`` or ``result_backend_transport_options``.
        tls: ``broker_use_ssl`` or ``redis_backend_use_ssl``.

    Returns:
        One URL, in the form that `conveyor.domain.servers` reads.
    """
    scheme, rest = scheme_of(url), url.partition("://")[2]
    if scheme == "sentinel":
        rest = _joined(rest)
    if tls and scheme in ("redis", "sentinel"):
        scheme += "s"
    login = options.get("sentinel_kwargs") or {}
    beside = {
        "master_name": options.get("master_name"),
        "sentinel_username": login.get("username"),
        "sentinel_password": login.get("password"),
        **{name: _named(tls[name]) for name in TLS_OPTIONS if tls.get(name) is not None},
    }
    more = urlencode({name: value for name, value in beside.items() if value})
    return f"{scheme}://{rest}{'&' if '?' in rest else '?'}{more}" if more else f"{scheme}://{rest}"


def _joined(rest: str) -> str:
    """Write the login and the path once: Celery repeats them with each sentinel."""
    first, *others = (part.rpartition("://")[2] for part in rest.split(";"))
    if not others:
        return first
    login, at, place = first.rpartition("@")
    tail = next((other.partition("/")[2] for other in reversed(others) if "/" in other), "")
    hosts = [other.rpartition("@")[2].partition("/")[0] for other in others]
    host, _, path = place.partition("/")
    return f"{login}{at}{','.join([host, *hosts])}/{path or tail}"


def _named(value: Any) -> str:
    """``ssl.CERT_REQUIRED`` by its name, anything else as it is written."""
    return str(getattr(value, "name", value))
