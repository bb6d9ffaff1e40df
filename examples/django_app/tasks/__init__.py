"""The application's own Celery app and tasks; Conveyor's `tasks` are never seen here."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("documents", include=["tasks.mail"])
app.config_from_object("django.conf:settings", namespace="CELERY")
