"""Django's settings; Conveyor reads its own from ``CONVEYOR_…``."""

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parents[1]

# Nothing is signed that must outlive a restart; an application with logins sets its own.
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or get_random_secret_key()
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "config.urls"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "documents.errors.Explain",
]
TEMPLATES = [
    {"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [BASE_DIR / "templates"]}
]

# Mails are printed by the worker that sends them.
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

# The broker and result backend that Conveyor's workers have.
CELERY_BROKER_URL = os.environ.get("CONVEYOR_BROKER_URL", "redis://127.0.0.1:6379/0")
CELERY_RESULT_BACKEND = os.environ.get("CONVEYOR_RESULT_BACKEND") or CELERY_BROKER_URL
