"""Where a worker's CPU goes: samples of the thread that holds the interpreter's lock."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.kept import BENCH

__all__ = ["PROFILE", "keep_profile", "kept_profile", "owner_of", "sampled", "shares_of"]

PROFILE: Final = BENCH / "profile.json"

_RATE: Final = 25
_LONGEST_S: Final = 600
_END_S: Final = 60.0
_REST: Final = "the rest"

# The first that fits, from the innermost frame outwards. redis-py and the standard library belong
# to whoever calls them.
_OWNERS: Final = (
    ("celery/backends/", "results"),
    ("conveyor/messaging/transport.py", "Celery"),
    ("conveyor/messaging/producer_transport.py", "Celery"),
    ("conveyor/messaging/result_backend.py", "Celery"),
    ("conveyor/messaging/publishing.py", "Celery"),
    ("kombu/", "Celery"),
    ("billiard/", "Celery"),
    ("vine/", "Celery"),
    ("requests/", "HTTP"),
    ("urllib3/", "HTTP"),
    ("tenacity/", "HTTP"),
    ("conveyor/convertapi/", "HTTP"),
    ("conveyor/ledger/", "ledger"),
    ("conveyor/storage/", "storage"),
    ("fsspec/", "storage"),
    ("structlog/", "logs"),
    ("logging/", "logs"),
    ("conveyor/", "Conveyor's own steps"),
    ("workers/", "Conveyor's own steps"),
    ("tasks/", "Conveyor's own steps"),
    ("celery/", "Celery"),
)


@contextmanager
def sampled(pid: int, into: Path) -> Iterator[None]:
    """Sample a process.

    Args:
        pid: Its id.
        into: The file that takes the stacks.

    Raises:
        RuntimeError: It could not be sampled.
    """
    program = Path(sys.executable).with_name("py-spy")
    how = ("record", "--gil", "-r", str(_RATE), "-d", str(_LONGEST_S), "-f", "raw")
    command = (program, *how, "-o", into, "-p", str(pid))
    sampler = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        sampler.send_signal(signal.SIGINT)  # it writes what it has
        said, _ = sampler.communicate(timeout=_END_S)
    if not into.exists():
        raise RuntimeError(f"py-spy has seen nothing: {said.decode(errors='replace').strip()}")


def owner_of(stack: str) -> str:
    """Whose work a stack is.

    Args:
        stack: Frames as py-spy writes them, the outermost first: ``name (file:line);…``.
    """
    for frame in reversed(stack.split(";")):
        file = frame.rpartition("(")[2]
        for start, owner in _OWNERS:
            if file.startswith(start):
                return owner
    return _REST


def shares_of(lines: Iterable[str]) -> dict[str, float]:
    """The share of each owner, the largest first.

    Args:
        lines: Stacks, each with the number of its samples after a blank.
    """
    counts: Counter[str] = Counter()
    for line in lines:
        stack, _, times = line.rpartition(" ")
        counts[owner_of(stack)] += int(times)
    return {owner: count / counts.total() for owner, count in counts.most_common()}


def keep_profile(stacks: Path, load: str) -> dict[str, Any]:
    """Keep the shares.

    Args:
        stacks: The file that `sampled` has written.
        load: Under which load.
    """
    shares = shares_of(stacks.read_text(encoding="utf-8").splitlines())
    profile = {"load": load, "rate": _RATE, "shares": shares}
    PROFILE.write_text(json.dumps(profile, indent=1) + "\n", encoding="utf-8")
    return profile


def kept_profile() -> dict[str, Any]:
    """The last shares; empty where there are none."""
    if not PROFILE.exists():
        return {}
    profile: dict[str, Any] = json.loads(PROFILE.read_text(encoding="utf-8"))
    return profile
