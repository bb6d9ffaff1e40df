"""The stand-in's process, as a run sees it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

from benchmarks.faults import Faults
from local_stack.environment import ROOT, child_environment
from local_stack.ports import LOOPBACK, free_port
from local_stack.process import Child

__all__ = ["StandIn"]


class StandIn:
    """The stand-in's process.

    Args:
        logs: Where it prints to.
    """

    def __init__(self, logs: Path) -> None:
        self._port = free_port()
        command = (sys.executable, "-m", "benchmarks.serving", "--port", str(self._port))
        log = logs / "service.log"
        self.process = Child("service", command, log=log, env=child_environment({}), cwd=ROOT)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self._port}"

    def __enter__(self) -> Self:
        self.process.start()
        self.process.wait_ready(lambda: "stand-in ready on" in self.process.printed())
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.stop()

    def reset(self, faults: Faults) -> None:
        """Have it forget everything, and put faults in force."""
        self._ask("POST", "/_load", json.dumps(asdict(faults)).encode())

    def set_faults(self, faults: Faults) -> None:
        """Put faults in force; the jobs stay."""
        self._ask("POST", "/_faults", json.dumps(asdict(faults)).encode())

    def audit(self) -> dict[str, Any]:
        """What it has seen."""
        report: dict[str, Any] = json.loads(self._ask("GET", "/_audit"))
        return report

    def requests(self) -> int:
        """How many requests it had."""
        return int(json.loads(self._ask("GET", "/_counts")).get("requests", 0))

    def _ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        connection = HTTPConnection(LOOPBACK, self._port, timeout=60)
        try:
            connection.request(method, path, body)
            return connection.getresponse().read()
        finally:
            connection.close()
