"""The settings of an application that can't work with Conveyor, wherever its servers are.

Each look finds what is wrong with some of them.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from typing import Any, Final

from celery import Celery
from kombu.connection import Connection

from conveyor.messaging.application_servers import broker_of
from conveyor.messaging.complaint import Complaint, Complaints

__all__ = ["LOOKS"]

_PROTOCOL: Final = 2
_JSON: Final = frozenset({"json", "application/json"})


def _look_at_protocol(app: Celery) -> Complaints:
    if app.conf.task_protocol != _PROTOCOL:
        why = f"is {app.conf.task_protocol!r}, and its messages show your documents' URLs to Flower"
        yield Complaint("task_protocol", why, "set it to 2")


def _look_at_transport(app: Celery) -> Complaints:
    if app.conf.broker_transport:
        connect: Callable[[str], Any] = Connection
        theirs = app.connection_for_write().get_transport_cls()
        if not issubclass(theirs, connect(broker_of(app)).get_transport_cls()):
            yield Complaint("broker_transport", "does not match its broker_url", "leave it out")


def _look_at_broker_options(app: Celery) -> Complaints:
    options = app.conf.broker_transport_options or {}
    if options.get("global_keyprefix"):
        yield Complaint(
            "broker_transport_options['global_keyprefix']",
            "hides its messages from Conveyor's workers, and their messages from its own",
            "leave it out",
        )
    steps = options.get("priority_steps")
    if steps is not None and not _has_lowest(steps):
        yield Complaint(
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
        yield Complaint("accept_content", why, remedy)
    if conf.result_accept_content is not None and not _JSON & set(conf.result_accept_content):
        yield Complaint(
            "result_accept_content", "lacks 'json', but conversion results are JSON", remedy
        )
    if conf.result_serializer != "json":
        why = f"is {conf.result_serializer!r}, but conversion results are JSON"
        yield Complaint("result_serializer", why, "set it to 'json'")


def _look_at_result_options(app: Celery) -> Complaints:
    options = app.conf.result_backend_transport_options or {}
    if options.get("global_keyprefix"):
        yield Complaint(
            "result_backend_transport_options['global_keyprefix']",
            "hides conversion results from it",
            "leave it out",
        )
    if not options.get("result_chord_ordered", True):
        yield Complaint(
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
            yield Complaint(name, "conflicts with a redis:// URL", "write the URL as rediss://")


LOOKS: Final = (
    _look_at_protocol,
    _look_at_transport,
    _look_at_broker_options,
    _look_at_content,
    _look_at_result_options,
    _look_at_tls,
)
