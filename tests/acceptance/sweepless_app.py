"""``celery -A sweepless_app worker``: `workers.app`, and it never sweeps.

So whatever ends here ends because its own bells were rung.
"""

from __future__ import annotations

from workers import sweep

sweep.EVERY_S = 24 * 3600.0

from workers.app import app  # noqa: E402 - it reads the above

__all__ = ["app"]
