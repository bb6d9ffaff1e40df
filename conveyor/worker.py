"""The workers' Celery application, for Celery's own commands: ``celery -A conveyor.worker …``.

It can be loaded from any folder. `conveyor worker` starts a worker without it.
"""

from __future__ import annotations

import importlib
from typing import Any

from conveyor import runtime

__all__ = ["app"]

runtime.enter(runtime.find())
app: Any = importlib.import_module("workers.app").app
