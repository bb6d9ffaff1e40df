"""``celery -A crashing_app worker``: `workers.app`, and it dies where the environment says.

======================  =========================================================================
``CRASH_PLACE``         the place, `effects`; empty: a worker that lives
``CRASH_MOMENT``        ``before`` or ``after`` the effect
``CRASH_RECORD``        a file that takes every place that was passed
``CRASH_SWEEP_S``       sweep so often, and not once a second; empty: as always
======================  =========================================================================
"""

from __future__ import annotations

import os
import time
from threading import Thread

import effects
from celery import signals

from workers.app import app
from workers.sweep import sweep

__all__ = ["app"]

effects.install(
    effects.Watch(
        os.environ.get("CRASH_PLACE", ""),
        os.environ.get("CRASH_MOMENT", ""),
        os.environ.get("CRASH_RECORD", ""),
    )
)


def _hurry(every_s):
    while True:
        time.sleep(every_s)
        sweep()


def _begin(**_):
    Thread(target=_hurry, args=(float(os.environ["CRASH_SWEEP_S"]),), daemon=True).start()


if os.environ.get("CRASH_SWEEP_S"):
    signals.worker_ready.connect(_begin, weak=False)
