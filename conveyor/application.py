"""What an application's own Celery app says of its servers, read as one URL each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celery import Celery

from conveyor.errors import SettingsError
from conveyor.servers import ServerUrl, is_redis_url

__all__ = ["backend_of", "broker_of"]


def broker_of(app: Celery) -> str:
    """Where an application's broker is.

    Args:
        app: The application's; it may spell a socket, sentinels and TLS as Celery does.

    Returns:
        A URL; as it was given where the broker is no Redis.

    Raises:
        SettingsError: It can't be read.
    """
    conf = app.conf
    return _url_of(
        "broker_url",
        conf.broker_write_url or conf.broker_url,
        conf.broker_transport_options,
        conf.broker_use_ssl,
    )


def backend_of(app: Celery) -> str | None:
    """Where an application keeps its results.

    Args:
        app: The application's.

    Returns:
        A URL; as it was given where that is no Redis, None where there is none.

    Raises:
        SettingsError: It can't be read.
    """
    conf = app.conf
    if not conf.result_backend:
        return None
    options = conf.result_backend_transport_options
    return _url_of("result_backend", conf.result_backend, options, conf.redis_backend_use_ssl)


def _url_of(setting: str, url: Any, options: Any, tls: Any) -> str:
    if not isinstance(url, str) or not is_redis_url(url):
        return url if isinstance(url, str) else str(url or "")
    try:
        return ServerUrl.of_application(
            url, options or {}, tls if isinstance(tls, Mapping) else None
        ).url
    except ValueError as error:
        raise SettingsError(
            f"{setting} of the Celery app can't be read: it {error}. Give redis_url and "
            "result_backend to Conveyor(celery_app=…), or set them in the app so"
        ) from None
