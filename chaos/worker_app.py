"""The workers' application, with the broker's faults installed: ``celery -A chaos.worker_app``."""

from __future__ import annotations

from chaos import messages
from workers.app import app

__all__ = ["app"]

messages.install()
