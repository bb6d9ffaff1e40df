"""The application's own Celery app and tasks; Conveyor's `tasks` are never seen here."""

import os

from celery import Celery

from conveyor import Conveyor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("documents", include=["tasks.mail"])
app.config_from_object("django.conf:settings", namespace="CELERY")
conveyor = Conveyor.from_env(celery_app=app)
