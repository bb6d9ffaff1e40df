"""``make up``: the stack, left running until Ctrl-C."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator

from conveyor.settings import ENV_PREFIX
from workers.local.interruption import ended_by_signals
from workers.local.process import StartError
from workers.local.stack import LocalStack

_LOOK_EVERY_S = 0.5


def main() -> int:
    """Run the stack; return the exit status."""
    stack = None
    try:
        with ended_by_signals():
            _say("starting Valkey, the sandbox, a worker, the web process and Flower …")
            with LocalStack(flower=True, web=True, webhooks=True, spacing=5) as stack:
                _say("\n".join(_addresses(stack)))
                _watch(stack)
    except KeyboardInterrupt:
        _say("\nstopped; nothing is left running")
        return 0
    except StartError as error:
        sys.stderr.write(f"up: {error}\n")
        return 1
    return 0


def _addresses(stack: LocalStack) -> Iterator[str]:
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
    for name, value in stack.settings().items():
        yield f"export {ENV_PREFIX}{name}={shlex.quote(value)}"
    yield ".venv/bin/conveyor convert examples/report.docx --to pdf --out ."
    yield ""
    yield "Ctrl-C stops everything."


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
