"""The sandbox as the cases see it: tormentor and judge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

__all__ = ["Service"]

_PATIENCE_S: Final = 15.0
_OK: Final = 200


class Service:
    """A running sandbox.

    Args:
        url: Where it listens.
        secret: What it asks for.
    """

    def __init__(self, url: str, secret: str) -> None:
        self._host = urlsplit(url).netloc
        self._secret = secret

    def audit(self) -> dict[str, Any]:
        """What its client did so far."""
        return self._ask("GET", "/_audit")

    def charges(self) -> dict[str, int]:
        """How often each conversion was charged, by its FileName."""
        return self._ask("GET", "/_charges")

    def set_faults(self, **rates: float) -> None:
        """Put faults in force, instead of those that are."""
        self._ask("POST", "/_faults", json.dumps(rates).encode())

    @contextmanager
    def faults(self, **rates: float) -> Iterator[None]:
        """Put faults in force for a while."""
        self.set_faults(**rates)
        try:
            yield
        finally:
            self.set_faults()

    def upload(self, name: str, content: bytes) -> str:
        """Bring it a document.

        Returns:
            Its FileId.
        """
        disposition = f'attachment; filename="{name}"'
        return str(self._ask("POST", "/upload", content, disposition)["FileId"])

    def _ask(
        self, method: str, path: str, body: bytes | None = None, disposition: str = ""
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._secret}", "Content-Type": "application/json"}
        if disposition:
            headers |= {"Content-Disposition": disposition}
        connection = HTTPConnection(self._host, timeout=_PATIENCE_S)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != _OK:
            raise RuntimeError(f"the sandbox answered {method} {path} with HTTP {answer.status}")
        reply: dict[str, Any] = json.loads(content)
        return reply
