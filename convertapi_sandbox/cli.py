"""The sandbox's command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from convertapi_sandbox.config import Repeated, SandboxConfig
from convertapi_sandbox.converters.program import kill_all
from convertapi_sandbox.durations import Duration
from convertapi_sandbox.faults import ADDRESS_HELP, CATALOGUE, names_of
from convertapi_sandbox.logs import set_up
from convertapi_sandbox.options import open_listener, read_dialects, read_faults
from convertapi_sandbox.recording import load
from convertapi_sandbox.replay import replayed
from convertapi_sandbox.server import run
from convertapi_sandbox.serving import address_of

__all__ = ["app", "serve"]

_USAGE_STATUS: Final = 2
_FAULT_HELP: Final = "A fault and its rate, 0 to 1; repeatable. --list-faults prints them."

app = typer.Typer(add_completion=False)


def _list_faults(wanted: bool) -> None:
    if wanted:
        _say(f"{ADDRESS_HELP} At after_submit the job is taken and charged.\n")
        for family in CATALOGUE:
            _say(f"{names_of(family)}\n    {family.meaning}")
        raise typer.Exit


@app.command()
def serve(  # noqa: PLR0917 - typer's options are one function's parameters
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8765,
    secret: Annotated[
        str, typer.Option(help="The account's secret, which may do everything.")
    ] = "sandbox",  # noqa: S107 - it opens nothing but the sandbox
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
    fault: Annotated[list[str] | None, typer.Option(metavar="NAME=RATE", help=_FAULT_HELP)] = None,
    list_faults: Annotated[  # noqa: ARG001 - its callback does it
        bool,
        typer.Option(
            "--list-faults", is_eager=True, callback=_list_faults, help="Print the faults, and end."
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
            envvar="CONVERTAPI_SANDBOX_HOSTS",
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
            dialects=read_dialects(dialect),
            spacing_s=spacing,
            duration=Duration.parse(duration),
            faults=read_faults(fault or ()),
            seed=seed,
            public_url=public_url,
            workers=workers,
            job_ttl_s=job_ttl,
            file_ttl_s=file_ttl,
            balance=balance,
            overage=overage,
            ignore_async=ignore_async,
            slow_s=slow_seconds,
            hold_s=hold_seconds,
            repeated_job_id=repeated_job_id,
            retry_after_s=retry_after,
            ranges=ranges,
            control_in_form=control_in_form,
            audit_fingerprints=audit_fingerprints,
            reachable_hosts=frozenset(reach or ()),
            host_names=frozenset(host_name or ()),
        )
        if replay is not None:
            config = replayed(config, load(replay))
        listener = open_listener(host, port, allow_remote=allow_remote)
    except ValueError as error:
        _fail(str(error))
    set_up(verbose=verbose)
    try:
        run(config, listener, lambda _: _say(f"sandbox ready on {address_of(listener)}"))
    finally:
        # The interpreter would wait for the threads that wait for these.
        kill_all()


def _say(line: str) -> None:
    typer.echo(line)


def _fail(problem: str) -> NoReturn:
    typer.echo(f"sandbox: {problem}", err=True)
    raise typer.Exit(_USAGE_STATUS)
