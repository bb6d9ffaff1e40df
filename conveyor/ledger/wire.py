"""JSON as Celery's messages carry it: dates, UUIDs, decimals and bytes among it.

A canvas passes through our workers on its way from an application to the same application. A value
of a type that only the application knows (``kombu.utils.json.register_type``) passes as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from kombu.serialization import registry
from kombu.utils import json as kombu_json

__all__ = ["dumps", "install", "loads"]


def dumps(value: Any) -> str:
    """Write what a message can hold.

    Raises:
        TypeError: It holds what no message does.
    """
    return str(kombu_json.dumps(value))


def loads(text: str | bytes) -> Any:
    """Decode a message. Values of an unknown type stay as they were written.

    Raises:
        ValueError: The text is not JSON.
    """
    return json.loads(text, object_hook=_known)


def install() -> None:
    """Let this process read every JSON message so: a worker's, which only passes it on."""
    register: Callable[..., None] = registry.register
    register("json", dumps, loads, "application/json", "utf-8")


def _known(plain: dict[str, Any]) -> Any:
    try:
        return kombu_json.object_hook(plain)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return plain
