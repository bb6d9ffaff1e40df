"""The Celery application: ``celery -A workers.app worker``."""

from __future__ import annotations

from workers.start import make_app

app = make_app()
