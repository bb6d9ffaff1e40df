"""The figures on disk, so that a report can be written from the last ones."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figures
from local_stack.environment import ROOT

__all__ = ["BENCH", "FIGURES", "keep", "kept", "machine_words"]

BENCH: Final = ROOT / "var" / "bench"
FIGURES: Final = BENCH / "figures.json"


def keep(runs: Sequence[Figures], path: Path = FIGURES) -> None:
    """Write what was measured so far.

    Args:
        runs: All of it.
        path: The file to write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    plain: dict[str, Any] = {
        "at": datetime.now(UTC).date().isoformat(),
        "machine": machine_words(),
        "runs": [it.to_dict() for it in runs],
    }
    path.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


def kept(path: Path = FIGURES) -> dict[str, Any]:
    """Read what was measured last.

    Args:
        path: Where from.

    Returns:
        ``at`` and ``machine`` as text, ``runs`` as `Figures`.

    Raises:
        FileNotFoundError: Nothing was measured yet.
    """
    plain: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {**plain, "runs": [Figures.from_dict(it) for it in plain["runs"]]}


def machine_words() -> str:
    """What the figures were taken on, in a few words."""
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
