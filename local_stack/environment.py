"""The environment of the stack's children: the machine's, with our settings and no others."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from conveyor.settings import ENV_PREFIX
from local_stack.ports import LOOPBACK

__all__ = ["ROOT", "child_environment"]

ROOT = Path(__file__).resolve().parents[1]
"""Where `workers` and `tasks` lie: the project's folder, or the one that a wheel has for them."""

# Other programs' settings that would point a child elsewhere or change how it runs.
_FOREIGN_PREFIXES = (ENV_PREFIX, "CELERY_", "CONVERTAPI_SANDBOX_", "FLOWER_")

_COMMON = {
    "PYTHONUNBUFFERED": "1",  # what a child prints is in its log when it matters
    "NO_PROXY": LOOPBACK,  # a proxy knows nothing of the sandbox
    "no_proxy": LOOPBACK,
}


def child_environment(
    settings: Mapping[str, str], inherited: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Put settings in the place of those inherited.

    Args:
        settings: By name, without the prefix: ``{"API_URL": …}``.
        inherited: Where the rest comes from.
    """
    kept = {
        name: value for name, value in inherited.items() if not name.startswith(_FOREIGN_PREFIXES)
    }
    ours = {f"{ENV_PREFIX}{name}": value for name, value in settings.items()}
    return {**kept, **_COMMON, **ours}
