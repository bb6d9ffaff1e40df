"""The sandbox's command line."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from convertapi_sandbox.config import BOTH_DIALECTS, Dialect, Repeated, SandboxConfig
from convertapi_sandbox.converters.program import kill_all
from convertapi_sandbox.faults import ADDRESS_HELP, CATALOGUE, describe
from convertapi_sandbox.loopback import bracketed
from convertapi_sandbox.outbound import is_reachable
from convertapi_sandbox.recording import load
from convertapi_sandbox.replay import replayed
from convertapi_sandbox.server import run
from convertapi_sandbox.serving import address_of, listen

USAGE_STATUS = 2
FAULT_HELP = "Repeatable; rate from 0 to 1. --list-faults tells the names."

app = typer.Typer(add_completion=False)


def _list_faults(wanted: bool) -> None:
    if wanted:
        _say(f"{ADDRESS_HELP} At after_submit the job is taken and charged.\n")
        for family in CATALOGUE:
            _say("{}\n    {}".format(*describe(family)))
        raise typer.Exit


@app.command()
def serve(  # noqa: PLR0917 - typer's options are one function's parameters
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8765,
    secret: Annotated[
        str, typer.Option(help="The account's secret, which may do everything.")
    ] = "sandbox",  # noqa: S107
    token: Annotated[
        str | None, typer.Option(help="An API token that is accepted: it converts.")
    ] = None,
    master_token: Annotated[
        str | None, typer.Option(help="The master token: it reads the account.")
    ] = None,
    jwt_kid: Annotated[
        str | None, typer.Option(help="Identifies the key of self-signed tokens.")
    ] = None,
    jwt_key: Annotated[
        str | None, typer.Option(help="The key of self-signed tokens (HS256), which convert.")
    ] = None,
    dialect: Annotated[str, typer.Option(help="both, path or query.")] = "both",
    spacing: Annotated[
        float, typer.Option(min=0, help="Seconds required between polls of a job.")
    ] = 5.0,
    duration: Annotated[
        str, typer.Option(help="Seconds a conversion takes at least: SECONDS or A-B.")
    ] = "0",
    fault: Annotated[list[str] | None, typer.Option(metavar="NAME=RATE", help=FAULT_HELP)] = None,
    list_faults: Annotated[  # noqa: ARG001 - its callback does it
        bool,
        typer.Option(
            "--list-faults", is_eager=True, callback=_list_faults, help="Tell the faults, and end."
        ),
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Makes faults and durations repeatable.")] = None,
    public_url: Annotated[
        str | None, typer.Option(help="Base of the Urls handed out; by default the Host asked.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Conversions that run at a time.")] = 2,
    job_ttl: Annotated[float, typer.Option(min=0, help="Seconds that a job lives.")] = 7200,
    file_ttl: Annotated[float, typer.Option(min=0, help="Seconds that a file lives.")] = 10800,
    balance: Annotated[int, typer.Option(min=0, help="Credits of the account.")] = 1_000_000,
    overage: Annotated[
        bool, typer.Option("--overage", help="Go on when the balance is used up.")
    ] = False,
    ignore_async: Annotated[
        bool, typer.Option("--ignore-async", help="Answer asynchronous requests with the result.")
    ] = False,
    slow_seconds: Annotated[
        float, typer.Option(min=0, help="How long an answer takes that is slow by order.")
    ] = 40.0,
    hold_seconds: Annotated[
        float, typer.Option(min=0, help="How long held_submit holds a submit.")
    ] = 26.0,
    repeated_job_id: Annotated[
        Repeated, typer.Option(help="What becomes of a submit under a JobId that is in use.")
    ] = Repeated.TAKEN,
    retry_after: Annotated[
        int, typer.Option(min=0, help="Seconds that the Retry-After of a fault asks for.")
    ] = 7,
    ranges: Annotated[
        bool, typer.Option("--ranges/--no-ranges", help="Serve parts of files.")
    ] = True,
    control_in_form: Annotated[
        bool,
        typer.Option("--control-in-form", help="Read WebHook, Async and JobId from the form too."),
    ] = False,
    audit_fingerprints: Annotated[
        bool, typer.Option("--audit-fingerprints", help="Equal conversions are paid duplicates.")
    ] = False,
    reach: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Fetch from and call this host too; repeatable."),
    ] = None,
    host_name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            envvar="CONVEYOR_SANDBOX_HOSTS",
            help="Answer under this name too, as containers need; repeatable.",
        ),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Behave and answer as a recording of `conveyor doctor --live`."
        ),
    ] = None,
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Listen on more than loopback, as in a container."),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Log the end of each conversion.")
    ] = False,
) -> None:
    """Serve a local ConvertAPI: strict protocol, real conversions, faults on order.

    `GET /_audit` tells what the client did. `POST /_faults` changes the faults,
    `POST /_credentials` the credentials, `POST /_vanish` removes files by their FileId, and
    `POST /_reset` forgets jobs, files and counts.
    """
    try:
        config = SandboxConfig(
            host=host,
            port=port,
            secret=secret,
            token=token,
            master_token=master_token,
            jwt_kid=jwt_kid,
            jwt_key=jwt_key,
            dialects=_dialects(dialect),
            spacing_seconds=spacing,
            duration_seconds=_duration(duration),
            faults=_faults(fault or ()),
            seed=seed,
            public_url=public_url,
            workers=workers,
            job_ttl_seconds=job_ttl,
            file_ttl_seconds=file_ttl,
            balance=balance,
            overage=overage,
            ignore_async=ignore_async,
            slow_seconds=slow_seconds,
            hold_seconds=hold_seconds,
            repeated_job_id=repeated_job_id,
            retry_after_seconds=retry_after,
            ranges=ranges,
            control_in_form=control_in_form,
            audit_fingerprints=audit_fingerprints,
            reachable_hosts=frozenset(reach or ()),
            host_names=frozenset(host_name or ()),
        )
        if replay is not None:
            config = replayed(config, load(replay))
        listener = _listener(host, port, allow_remote=allow_remote)
    except ValueError as error:
        _fail(str(error))
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING)
    try:
        run(config, listener, lambda _: _say(f"sandbox ready on {address_of(listener)}"))
    finally:
        # The interpreter would wait for the threads that wait for these.
        kill_all()


def _dialects(text: str) -> frozenset[Dialect]:
    if text == "both":
        return BOTH_DIALECTS
    try:
        return frozenset({Dialect(text)})
    except ValueError:
        raise ValueError(f"the dialect is both, path or query, not {text!r}") from None


def _duration(text: str) -> tuple[float, float]:
    low, dash, high = text.partition("-")
    try:
        return float(low), float(high if dash else low)
    except ValueError:
        raise ValueError(f"a duration is SECONDS or A-B, not {text!r}") from None


def _faults(entries: Iterable[str]) -> dict[str, float]:
    rates: dict[str, float] = {}
    for entry in entries:
        name, _, rate = entry.partition("=")
        try:
            rates[name] = float(rate)
        except ValueError:
            raise ValueError(f"a fault is NAME=RATE, not {entry!r}") from None
    return rates


def _listener(host: str, port: int, *, allow_remote: bool) -> socket.socket:
    if not allow_remote and not is_reachable(f"http://{bracketed(host)}", frozenset()):
        raise ValueError(f"{host} is not loopback; --allow-remote permits it")
    try:
        return listen(host, port)
    except OSError as error:
        raise ValueError(f"cannot listen on {host} port {port}: {error.strerror}") from None


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def _fail(problem: str) -> NoReturn:
    print(f"sandbox: {problem}", file=sys.stderr)  # noqa: T201
    raise typer.Exit(USAGE_STATUS)
