"""Where the parts of a local stack listen, and by what secrets they know each other."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from local_stack.ports import free_port, is_free

__all__ = ["Endpoints"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Ports on loopback, and secrets.

    Attributes:
        valkey: Valkey's port.
        sandbox: The sandbox's port.
        flower: Flower's port.
        web: The web process's port.
        password: What clients say to Valkey.
        webhook_key: What signs the webhooks' addresses.
    """

    valkey: int
    sandbox: int
    flower: int
    web: int
    password: str
    webhook_key: str

    @classmethod
    def fresh(cls) -> Self:
        """Free ports and new secrets."""
        return cls(
            valkey=free_port(),
            sandbox=free_port(),
            flower=free_port(),
            web=free_port(),
            password=secrets.token_urlsafe(16),
            webhook_key=secrets.token_urlsafe(16),
        )

    @classmethod
    def kept_in(cls, file: Path) -> Self:
        """The ones of the last start, or fresh ones that are kept from now on.

        Where another program listens on one of the ports by now, all are fresh.

        Args:
            file: The file that keeps them. Only its owner can read it.

        Raises:
            OSError: The file can't be written.
        """
        try:
            kept = cls(**json.loads(file.read_text(encoding="utf-8")))
            if all(map(is_free, (kept.valkey, kept.sandbox, kept.flower, kept.web))):
                return kept
        except (OSError, TypeError, ValueError, OverflowError):
            pass  # there is none, or none that can be used
        made = cls.fresh()
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(made)), encoding="utf-8")
        return made
