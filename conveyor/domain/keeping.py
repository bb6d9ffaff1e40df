"""How long result files are kept: the bounds of `keep`."""

from __future__ import annotations

from typing import Final

from conveyor.domain.spans import Span, seconds_of

__all__ = ["LEAST_KEEP_S", "MOST_KEEP_S", "keep_of"]

LEAST_KEEP_S: Final = 60.0
"""The shortest life of files, seconds: a caller needs a moment to fetch them."""

MOST_KEEP_S: Final = 3650 * 86400.0
"""The longest, seconds. The entry in Redis outlives the files."""


def keep_of(keep: Span | None) -> float | None:
    """Read for how long files are kept.

    Args:
        keep: ``"7d"``, ``"12h"``, a timedelta, or seconds; None leaves it to the workers.

    Returns:
        Seconds; None as above.

    Raises:
        InvalidRequest: It is no time span, or out of bounds.
    """
    if keep is None:
        return None
    return seconds_of("keep", keep, least_s=LEAST_KEEP_S, most_s=MOST_KEEP_S)
