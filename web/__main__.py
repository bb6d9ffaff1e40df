"""`conveyor web` serves; `conveyor web key NAME` makes an API key."""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from config.web import KEY_NAME, WebSettings, load_web_settings
from conveyor import Conveyor, ConveyorError, SettingsError
from web.auth import hash_of
from web.server import make_server
from web.serving import address_of, listen
from workers import logs, precautions

_FAILED: Final = 1
_WRONG: Final = 2
# They tell of every start and connection; what matters is told by us.
_CHATTY: Final = ("uvicorn.error", "asyncio")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as all our commands do."""

    def error(self, message: str) -> NoReturn:
        """End with it."""
        _end(f"{message}; see conveyor web --help", _WRONG)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        arguments: Of the command line; this process's own unless given.

    Raises:
        SystemExit: It has failed (1), or can't be right (2).
    """
    given = _parser().parse_args(arguments)
    if given.command == "key":
        _show_key(given.name)
    else:
        _serve()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="conveyor web", description="Serve webhooks, the REST API and the page.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    key = commands.add_parser("key", help="make an API key", description="Make an API key.")
    key.add_argument("name", metavar="NAME", help="what logs call its holder")
    return parser


def _show_key(name: str) -> None:
    if not KEY_NAME.fullmatch(name):
        _end("a key's name has letters, digits, '.', '_' and '-', 64 at most", _WRONG)
    key = f"conveyor_{secrets.token_urlsafe(32)}"
    _say(f"The key, shown this once:\n\n    {key}\n")
    _say(
        f"Add to CONVEYOR_WEB_API_KEYS, with a comma between several:\n\n    {name}:{hash_of(key)}"
    )


def _serve() -> None:
    try:
        settings = load_web_settings()
        conveyor = _conveyor(settings)
    except SettingsError as error:
        _end(str(error), _WRONG)
    except ConveyorError as error:
        _end(str(error), _FAILED)
    _run(settings, conveyor)


def _conveyor(settings: WebSettings) -> Conveyor:
    conveyor = Conveyor(
        broker_url=settings.broker_url.get_secret_value(),
        redis_url=settings.redis_url.get_secret_value(),
        result_backend=settings.result_backend.get_secret_value(),
        storage_url=settings.storage_url,
        namespace=settings.namespace,
        link_url=settings.link_url,
        link_key=settings.link_key.get_secret_value(),
        callback_url=settings.callback_url,
        callback_events=settings.callback_events,
    )
    # A storage of an unknown kind must show now, not at the first upload.
    _ = conveyor.storage
    return conveyor


def _run(settings: WebSettings, conveyor: Conveyor) -> None:
    try:
        listener = listen(settings.web_host, settings.web_port)
    except OSError as error:
        _end(
            f"can't listen on {settings.web_host}, port {settings.web_port}: "
            f"{os.strerror(error.errno or 0)}. Set CONVEYOR_WEB_HOST and CONVEYOR_WEB_PORT, or "
            "end what listens there.",
            _FAILED,
        )
    _set_up_logs(settings)
    _look_at_servers(conveyor)
    address = address_of(listener)
    server = make_server(settings, conveyor, lambda: _say(f"web ready on {address}"))
    with listener:
        server.run(sockets=[listener])


def _look_at_servers(conveyor: Conveyor) -> None:
    try:
        seen = precautions.look_at_servers(conveyor.ledger, conveyor.celery_app)
        precautions.log_concerns(seen)
    except SettingsError as error:
        _end(str(error), _WRONG)


def _set_up_logs(settings: WebSettings) -> None:
    logs.set_up(settings.log_level, settings.log_format)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _end(message: str, status: int) -> NoReturn:
    sys.stderr.write(f"error: {message}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
