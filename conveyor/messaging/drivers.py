"""Whether Celery can load what a broker's or a result backend's URL asks for.

Redis' own is always there. Others need packages, for which Celery looks at the first message: here
it looks when a process starts. No server is asked.
"""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any, Final

from kombu.transport import TRANSPORT_ALIASES

__all__ = ["check_broker", "check_result_backend"]

# What the drivers raise if their package is missing, each in its own way.
_MISSING: Final = (ImportError, AttributeError, NameError, RuntimeError)


def check_broker(url: str) -> None:
    """Refuse a broker for which Celery has no transport, or not its package.

    Args:
        url: The broker's URL.

    Raises:
        ValueError: It can't be loaded. The message says why and what to do.
    """
    scheme = url.partition(":")[0].lower()
    if scheme.partition("+")[0] not in TRANSPORT_ALIASES:
        raise ValueError(f"Celery does not know the broker {scheme}://: use redis://host:6379/0")
    try:
        import_module("kombu").Connection(url).transport  # noqa: B018 - reading it makes it
    except _MISSING as error:
        raise ValueError(f"Celery can't load the broker {scheme}://: {_cure(error)}") from None


def check_result_backend(url: str) -> None:
    """Refuse a result backend that Celery does not have, or not its package.

    Args:
        url: The result backend's URL.

    Raises:
        ValueError: It can't be loaded. The message says why and what to do.
    """
    scheme = url.partition(":")[0]
    # Redis alone needs none of it.
    celery = import_module("celery")
    unfit = import_module("celery.exceptions").ImproperlyConfigured
    try:
        kind, address = _backend_of(url)
    except ImportError as error:
        # Celery takes a name that it does not know for one of a module.
        if _top(error.name) in ("celery", _top(scheme.partition("+")[0])):
            raise ValueError(_unknown(scheme)) from None
        raise ValueError(_unloaded(scheme, error)) from None
    except unfit:
        raise ValueError(_unknown(scheme)) from None
    try:
        kind(app=celery.Celery("check", set_as_current=False), url=address)
    except (*_MISSING, unfit) as error:
        raise ValueError(_unloaded(scheme, error)) from None


def _backend_of(url: str) -> Any:
    """Its class, and the URL that it reads."""
    # The process's own loader would make an app of the process.
    loader = SimpleNamespace(override_backends={})
    return import_module("celery.app.backends").by_url(url, loader)


def _unknown(scheme: str) -> str:
    return f"Celery does not know the result backend {scheme}://: use redis://host:6379/0"


def _unloaded(scheme: str, error: Exception) -> str:
    return f"Celery can't load the result backend {scheme}://: {_cure(error)}"


def _cure(error: Exception) -> str:
    """A driver's own words may quote the URL, and with it a password."""
    package = _top(error.name) if isinstance(error, ImportError) else ""
    if package:
        return f"run: pip install {package}, or use redis://host:6379/0"
    return "install its package as Celery's documentation says, or use redis://host:6379/0"


def _top(module: str | None) -> str:
    return (module or "").partition(".")[0]
