"""The tasks of an application that run after a conversion: checked, and routed as it routes them.

They are sent by Conveyor's workers, which know neither the application's routes nor its tasks. So
the queue of each is looked up here, and written into its signature.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

from celery import Celery, Signature

from conveyor.domain.canvas import Caller
from conveyor.errors import InvalidRequest
from conveyor.ledger import wire
from conveyor.messaging.application import queue_of_task

__all__ = ["Callbacks", "CallbacksInput", "callbacks_of", "caller_of"]

CallbacksInput: TypeAlias = Signature | Sequence[Signature]
Callbacks: TypeAlias = list[dict[str, Any]]

# It lies in Redis, and in a message of its own.
_MAX_BYTES: Final = 256 * 1024
# Of an app that says nothing else. Then CONVEYOR_CANVAS_QUEUE decides, as for ``link``.
_UNSAID: Final = "celery"
_DESTINATION: Final = ("queue", "routing_key", "exchange")


def callbacks_of(given: CallbacksInput | None, name: str, app: Celery | None) -> Callbacks | None:
    """Check callbacks, and write into each the queue that it goes to.

    Args:
        given: A Celery signature of any kind, a list of them, or None.
        name: The argument's name, for messages.
        app: The application's Celery app; None where it is unknown, and so are its routes.

    Returns:
        The signatures as plain values; None where there are none.

    Raises:
        InvalidRequest: One is no signature, or holds what no message carries.
        SettingsError: A route of the app's raises.
    """
    if given is None:
        return None
    signatures = [given] if isinstance(given, Signature) else list(_listed(given, name))
    return [_plain(signature, name, app) for signature in signatures] or None


def caller_of(
    on_success: CallbacksInput | None, on_failure: CallbacksInput | None, app: Celery | None
) -> Caller | None:
    """What runs after a conversion, as its entry keeps it.

    Args:
        on_success: As in `conveyor.Conveyor.convert`.
        on_failure: As in `conveyor.Conveyor.convert`.
        app: The application's Celery app, None where it is unknown.

    Returns:
        The canvas; None where there is none.

    Raises:
        InvalidRequest: One is no signature, or holds what no message carries.
        SettingsError: A route of the app's raises.
    """
    callbacks = callbacks_of(on_success, "on_success", app)
    errbacks = callbacks_of(on_failure, "on_failure", app)
    return Caller(callbacks=callbacks, errbacks=errbacks) if callbacks or errbacks else None


def _listed(given: Any, name: str) -> Iterator[Signature]:
    each = given if isinstance(given, list | tuple) else [given]
    for one in each:
        if not isinstance(one, Signature):
            raise InvalidRequest(
                f"{name} takes a Celery signature or a list of them, not a {type(one).__name__}. "
                "Use for example notify.s()."
            )
        yield one


def _plain(signature: Signature, name: str, app: Celery | None) -> dict[str, Any]:
    try:
        text = wire.dumps(signature)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(
            f"{name} holds an argument that no message carries ({type(error).__name__}). Use "
            "values that JSON has."
        ) from error
    if len(text) > _MAX_BYTES:
        raise InvalidRequest(
            f"{name} is longer than {_MAX_BYTES} bytes. Pass an id, and let your task look up the "
            "rest."
        )
    plain: dict[str, Any] = json.loads(text)
    for leaf in _leaves(plain) if app is not None else ():
        _route(leaf, app)
    return plain


def _route(plain: dict[str, Any], app: Celery) -> None:
    options = plain.setdefault("options", {})
    if any(options.get(key) for key in _DESTINATION):
        return
    queue = queue_of_task(app, plain["task"], plain.get("args") or (), plain.get("kwargs") or {})
    if queue != _UNSAID:
        options["queue"] = queue


def _leaves(plain: Any) -> Iterator[dict[str, Any]]:
    """The single tasks of a canvas, and those that are called back after them."""
    if isinstance(plain, list):
        for each in plain:
            yield from _leaves(each)
    if not isinstance(plain, dict) or not plain.get("task"):
        return
    inner = plain.get("kwargs") or {}
    if plain.get("subtask_type"):
        for part in ("tasks", "header", "body", "task"):
            yield from _leaves(inner.get(part))
    else:
        yield plain
    for kind in ("link", "link_error"):
        yield from _leaves((plain.get("options") or {}).get(kind))
