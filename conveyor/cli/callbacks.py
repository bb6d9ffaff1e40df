"""``conveyor callbacks``: what became of them, sent again, and a receiver for developers."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from conveyor.callbacks.addresses import Networks, networks_of
from conveyor.callbacks.bodies import body_of, payload_of
from conveyor.callbacks.samples import sample_of
from conveyor.callbacks.signing import headers_of, keys_of, make_secret
from conveyor.cli import completing, console, json_lines
from conveyor.cli.asking import confirm
from conveyor.cli.callback_rows import show_log, show_notices
from conveyor.cli.options import AsJson, Yes
from conveyor.cli.session import connected
from conveyor.cli.text import count, parse_duration
from conveyor.domain.callback import Callback
from conveyor.domain.conversion import State
from conveyor.domain.notice import NoticeStatus, TryReason
from conveyor.errors import InvalidRequest

if TYPE_CHECKING:
    from conveyor.callbacks.callbacks import Chosen

__all__ = ["app"]

app = typer.Typer(
    help="Callbacks: what Conveyor tells the addresses that you gave as `callback`.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_DEFAULT_PORT: Final = 8787
_TRY_S: Final = 15.0
_LOOPBACK: Final = Networks(networks_of("127.0.0.0/8 ::1/128"))

Status = Annotated[
    NoticeStatus | None, typer.Option("--status", help="Only those that are so far.")
]
Reason = Annotated[
    TryReason | None, typer.Option("--reason", help="Only those whose last try failed so.")
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="WHEN", help="Events from then on: 3h ago, or 2026-11-24T21:00Z."
    ),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="WHEN", help="Events before then, as --since.")
]
Secret = Annotated[
    str,
    typer.Option(
        "--secret",
        envvar="CONVEYOR_CALLBACK_SECRETS",
        show_envvar=True,
        metavar="WHSEC",
        help="What signs: whsec_…",
    ),
]


@app.command("list")
def list_callbacks(  # noqa: PLR0917 - typer reads the options off the parameters
    status: Status = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int, typer.Option(min=1, help="At most so many, the latest events first.")
    ] = 50,
    as_json: AsJson = False,
) -> None:
    """List callbacks of the last ten days, those of the latest events first."""
    chosen = _chosen(status, reason, since, until)
    with connected() as conveyor:
        found = conveyor.callbacks.list(chosen, limit)
    if as_json:
        for notice in found:
            json_lines.put(notice.to_dict())
    else:
        show_notices(found)


@app.command()
def show(
    conversion_id: Annotated[
        str, typer.Argument(metavar="ID", help="The conversion.", autocompletion=completing.ids)
    ],
    as_json: AsJson = False,
) -> None:
    """Show a conversion's callbacks, and each try."""
    with connected() as conveyor:
        found = conveyor.callbacks.show(conversion_id)
    if as_json:
        for notice in found:
            json_lines.put(notice.to_dict())
        return
    show_notices(found)
    show_log(found)


@app.command()
def replay(  # noqa: PLR0917 - the same
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Conversions.")] = None,
    status: Status = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Send callbacks again, each under its webhook-id: by conversion, status, reason or time."""
    chosen = _chosen(status, reason, since, until)
    if bool(ids) != chosen.is_all:
        raise InvalidRequest(
            "Name the conversions by id, or choose callbacks with --status, --reason, --since or "
            "--until."
        )
    with connected() as conveyor:
        if ids:
            sent = sum(map(conveyor.callbacks.replay, ids))
        else:
            found = len(conveyor.callbacks.list(chosen, limit))
            if found:
                confirm(f"Send {count(found, 'callback')} again?", yes=yes)
            sent = conveyor.callbacks.replay_all(chosen, limit) if found else 0
    if as_json:
        json_lines.put({"sent": sent})
    else:
        console.say(console.stdout(), f"{count(sent, 'callback')} sent again")


@app.command()
def secret(as_json: AsJson = False) -> None:
    """Make a secret for CONVEYOR_CALLBACK_SECRETS."""
    made = make_secret()
    if as_json:
        json_lines.put({"secret": made})
    else:
        typer.echo(made)


@app.command()
def listen(
    forward_to: Annotated[
        str, typer.Option("--forward-to", metavar="URL", help="Your application's address.")
    ] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="On which it listens.")] = (
        _DEFAULT_PORT
    ),
    secret: Secret = "",
) -> None:
    """Receive callbacks on this machine: verify each, print a line, and forward it."""
    # Loaded here: it brings an HTTP client, and other commands don't need that for their help.
    from conveyor.cli.listening import Listener  # noqa: PLC0415 - as the comment above says

    made = secret or make_secret()
    listener = Listener(port, _keys(made), forward_to)
    out = console.stderr()
    console.say(out, f"listening on {listener.url}")
    if not secret:
        console.say(out, f"secret    {made}  (set CONVEYOR_CALLBACK_SECRETS to it)")
    listener.serve()


@app.command()
def trigger(
    state: Annotated[State, typer.Argument(metavar="STATE", help="succeeded, failed ...")],
    to: Annotated[
        str, typer.Option("--to", metavar="URL", help="Where it goes.")
    ] = f"http://127.0.0.1:{_DEFAULT_PORT}/",
    secret: Secret = "",
    as_json: AsJson = False,
) -> None:
    """Send one signed sample event."""
    if not secret:
        raise InvalidRequest("Pass --secret, or set CONVEYOR_CALLBACK_SECRETS.")
    # Loaded here: it brings an HTTP client, and other commands don't need that for their help.
    from conveyor.callbacks.posting import Poster  # noqa: PLC0415 - as the comment above says

    notice = sample_of(state, time.time())
    body = body_of(payload_of(notice))
    headers = headers_of(_keys(secret), notice.id, int(time.time()), body)
    url = Callback(to).url
    answer = Poster(_LOOPBACK, _TRY_S, allow_http=True).post(url, headers, body)
    said = answer.error or f"the receiver answered {answer.status}"
    if as_json:
        json_lines.put({"type": notice.type, "status": answer.status, "error": answer.error})
    else:
        console.say(console.stdout(), f"{notice.type}: {said}")
    if answer.reason is not None:
        raise typer.Exit(1)


def _keys(secret: str) -> tuple[bytes, ...]:
    try:
        return keys_of(secret)
    except ValueError as error:
        raise InvalidRequest(f"The secret is wrong: it {error}. Check it for typos.") from None


def _chosen(
    status: NoticeStatus | None, reason: TryReason | None, since: str | None, until: str | None
) -> Chosen:
    # Loaded here: it brings Redis' client, and other commands don't need that for their help.
    from conveyor.callbacks.callbacks import Chosen  # noqa: PLC0415 - as the comment above says

    return Chosen(status, reason, _moment(since), _moment(until))


def _moment(text: str | None) -> datetime | None:
    """A span before now, or a time with its zone."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        seconds = time.time() - parse_duration(text.removesuffix(" ago"))
        return datetime.fromtimestamp(seconds, UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
