"""``make up`` and ``conveyor up``: the stack, left running until Ctrl-C.

It keeps files, ledger, ports and settings, so the next start continues from there: in a checkout in
`var/up`, else in `~/.conveyor/up`.
"""

from __future__ import annotations

import argparse
import fcntl
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from conveyor.settings import ENV_PREFIX
from local_stack.endpoints import Endpoints
from local_stack.environment import ROOT
from local_stack.interruption import ended_by_signals
from local_stack.process import StartError
from local_stack.stack import LocalStack

_IS_CHECKOUT = (ROOT / "pyproject.toml").is_file()
HOME = ROOT / "var" / "up" if _IS_CHECKOUT else Path.home() / ".conveyor" / "up"

# What an application that enqueues needs to know. Nothing of it is ConvertAPI's.
_OF_PRODUCERS = ("BROKER_URL", "STORAGE_URL")
_LOOK_EVERY_S = 0.5
_EXAMPLE = (
    ".venv/bin/conveyor convert examples/report.docx --to pdf --out ."
    if _IS_CHECKOUT
    else "conveyor convert FILE --to pdf --out ."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stack.

    Args:
        arguments: Of the command line; this process's own unless given.

    Returns:
        The exit status.
    """
    argparse.ArgumentParser(
        prog="conveyor up",
        description="Run Valkey, the sandbox, a worker, the web process and Flower until Ctrl-C. "
        f"Files and settings stay in {_shown(HOME)}.",
    ).parse_args(arguments)
    try:
        with ended_by_signals(), _alone(HOME):
            _say("starting Valkey, the sandbox, a worker, the web process and Flower …")
            with LocalStack(
                flower=True,
                web=True,
                webhooks=True,
                spacing=5,
                directory=HOME,
                endpoints=Endpoints.kept_in(HOME / "endpoints.json"),
            ) as stack:
                _write_settings(stack.settings())
                _say("\n".join(_told(stack)))
                _watch(stack)
    except KeyboardInterrupt:
        _say("\nstopped; nothing is left running")
        return 0
    except (StartError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep a second one away: two servers would write the same files."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(f"another stack uses {_shown(home)}: stop it first") from None
        yield


def _write_settings(settings: Mapping[str, str]) -> None:
    """Write what a shell can source: what an application needs, and all that the workers have."""
    producer = {name: settings[name] for name in _OF_PRODUCERS}
    for file, chosen in ((_env("producer"), producer), (_env("worker"), settings)):
        file.touch(mode=0o600)
        file.write_text(
            "".join(
                f"export {ENV_PREFIX}{name}={shlex.quote(value)}\n"
                for name, value in chosen.items()
            ),
            encoding="utf-8",
        )


def _told(stack: LocalStack) -> Iterator[str]:
    yield ""
    yield f"page      {stack.web_url}"
    yield f"API       {stack.web_url}/docs"
    yield f"sandbox   {stack.sandbox_url}"
    yield f"broker    {stack.broker_url}"
    yield f"Flower    {stack.flower_url}"
    yield f"files     {stack.storage_url}"
    yield ""
    yield "In another terminal:"
    yield ""
    yield f". {_shown(_env('producer'))}"
    yield _EXAMPLE
    yield ""
    yield f"Results and conversions stay in {_shown(HOME)}; remove it to begin anew."
    yield f"The workers' settings are in {_shown(_env('worker'))}."
    yield "Ctrl-C stops everything."


def _env(whose: str) -> Path:
    return HOME / f"{whose}.env"


def _shown(path: Path) -> str:
    """As a person and a shell read it."""
    if _IS_CHECKOUT:
        return str(path.relative_to(ROOT))
    return f"~/{path.relative_to(Path.home())}"


def _watch(stack: LocalStack) -> None:
    while True:
        for child in stack.processes():
            if not child.is_running:
                raise StartError(child.explain(f"ended with status {child.exit_status}"))
        time.sleep(_LOOK_EVERY_S)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
