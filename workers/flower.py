"""``conveyor flower``: Flower, which refuses requests from pages of other sites.

Flower can revoke tasks and shut workers down by a plain POST, and a browser lets any page send one:
to loopback, and with a password that the browser remembers. So this checks what `conveyor.visitors`
checks for the web process and the sandbox. Its page of the broker finds the queues wherever our
URLs lead. It listens on loopback unless it is given another address, and needs no API secret. All
else is Flower's own: options, variables, pages.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from types import ModuleType
from typing import Any, Final

import flower.command
from celery.bin.celery import main as celery
from flower.app import Flower
from flower.utils.broker import RedisBase
from flower.views import BaseHandler
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.options import options
from tornado.web import RequestHandler

from config.settings import load_settings_without_service
from conveyor.domain.url_parts import is_redis_url
from conveyor.ledger import aconnect
from conveyor.visitors import Visit, refusal_of
from workers.start import make_app

__all__ = ["GuardedFlower", "Queues", "main"]

_COMMAND: Final = ("celery", "-A", "workers.app", "flower")
_PATIENCE_S: Final = 5.0
_LOOPBACK: Final = "127.0.0.1"


class GuardedFlower(Flower):
    """Flower behind a door."""

    def find_handler(self, request: HTTPServerRequest, **more: Any) -> HTTPMessageDelegate:
        """Find who answers a request."""
        visit = Visit.of(str(request.method), request.headers.get)
        asks_who_is_there = self.options.basic_auth or self.options.auth
        reason = refusal_of(visit, None if asks_who_is_there else ())
        if reason:
            target, arguments = _Refusal, {"reason": reason}
            refusal: HTTPMessageDelegate = self.get_handler_delegate(request, target, arguments)
            return refusal
        found: HTTPMessageDelegate = super().find_handler(request, **more)
        return found


class _Refusal(RequestHandler):
    """Answers with the reason, whatever was asked for."""

    def initialize(self, reason: str) -> None:
        """Take the reason."""
        self._why = reason

    def check_xsrf_cookie(self) -> None:
        """It does nothing."""

    def prepare(self) -> None:
        """Answer."""
        self.set_status(HTTPStatus.FORBIDDEN)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{self._why}\n")


class Queues(RedisBase):
    """How many messages wait in each queue. Flower's own reads fewer forms of URL than we do.

    Args:
        url: The broker's, as `conveyor.domain.servers` reads it.
    """

    def __init__(self, url: str) -> None:  # Flower's would read the URL
        self.redis = aconnect(url)
        self.priority_steps = self.DEFAULT_PRIORITY_STEPS
        self.sep = self.DEFAULT_SEP
        self.broker_prefix = ""

    async def queues(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Count the messages.

        Args:
            names: The queues.

        Raises:
            TimeoutError: Redis does not answer.
        """
        async with asyncio.timeout(_PATIENCE_S):
            counted: list[dict[str, Any]] = await super().queues(names)
        return counted


def _queues_of(handler: Any) -> Any:
    url = str(handler.capp.conf.broker_url)
    return Queues(url) if is_redis_url(url) else _flowers_own(handler)


_flowers_own: Final = BaseHandler.get_broker


def _take_app() -> None:
    """Have `workers.app`, which the tasks import, too, hold an application without a secret."""
    module = ModuleType("workers.app")
    module.__dict__["app"] = make_app(load_settings_without_service)
    sys.modules[module.__name__] = module


def main(arguments: Sequence[str] | None = None) -> None:
    """Run Flower until a signal.

    Args:
        arguments: Of the command line; this process's own unless given.
    """
    given = sys.argv[1:] if arguments is None else arguments
    # Flower's command makes the application of this name, and its pages ask for the queues so.
    flower.command.Flower = GuardedFlower
    BaseHandler.get_broker = _queues_of
    _take_app()
    # Flower's default is every address. Its variables and options come after this.
    options.address = _LOOPBACK
    sys.argv = [*_COMMAND, *given]
    sys.exit(celery())


if __name__ == "__main__":
    main()
