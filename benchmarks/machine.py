"""What processes cost, as the kernel counts it: CPU and memory of a whole tree (proc(5))."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Memory", "cpu_seconds", "family", "machine_seconds", "memory"]

_PROC: Final = Path("/proc")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_KB: Final = 1024
# Fields of /proc/<pid>/stat after the program's name: the parent, and four counts of ticks: user
# and system, and the same of children that have ended and were waited for.
_PARENT: Final = 1
_COUNTS: Final = slice(11, 15)
# Of /proc/stat: user, nice, system, idle, waiting for a disk, two kinds of interrupts, stolen.
_KINDS: Final = slice(0, 8)
_IDLE: Final = slice(3, 5)


@dataclass(frozen=True, slots=True)
class Memory:
    """Of a tree of processes, in bytes.

    Attributes:
        rss: What each has in memory, shared pages counted for each.
        pss: The same, shared pages divided among those that share them.
    """

    rss: int
    pss: int


def family(roots: Iterable[int]) -> set[int]:
    """Processes and all their descendants that live.

    Args:
        roots: Their ids.
    """
    parents = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit() and (fields := _stat(int(folder.name))):
            parents[int(folder.name)] = int(fields[_PARENT])
    found = {pid for pid in roots if pid in parents}
    grows = True
    while grows:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        grows = bool(more)
        found |= more
    return found


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time of trees of processes, that of ended children included.

    Args:
        roots: Where the trees begin. A descendant that ends meanwhile still counts, because its
            parent is told what it has used.
    """
    return sum(_ticks(pid) for pid in family(roots)) / _TICKS


def memory(roots: Iterable[int]) -> Memory:
    """What trees of processes have in memory now.

    Args:
        roots: Where the trees begin.
    """
    rss = pss = 0
    for pid in family(roots):
        with suppress(OSError):  # it has ended
            for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Rss:"):
                    rss += int(line.split()[1]) * _KB
                elif line.startswith("Pss:"):
                    pss += int(line.split()[1]) * _KB
    return Memory(rss, pss)


def machine_seconds() -> tuple[float, float]:
    """CPU seconds of the machine since its start: used by anybody, and all that there were."""
    line = (_PROC / "stat").read_text().splitlines()[0]
    ticks = [int(field) for field in line.split()[1:][_KINDS]]
    total = sum(ticks)
    return (total - sum(ticks[_IDLE])) / _TICKS, total / _TICKS


def _ticks(pid: int) -> int:
    return sum(map(int, _stat(pid)[_COUNTS]))


def _stat(pid: int) -> list[str]:
    """The fields after the program's name, which may hold blanks; none where it has ended."""
    with suppress(OSError):
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return []
