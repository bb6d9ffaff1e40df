"""Let a process sleep under libfaketime 0.9.10.

Python sleeps until a moment of the monotonic clock. libfaketime takes it for one of the wall clock
that it has shifted, and the kernel is asked to sleep until a moment that has never been.
"""

from __future__ import annotations

import select
import time
from typing import Any


def _sleep(seconds: Any) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


time.sleep = _sleep
