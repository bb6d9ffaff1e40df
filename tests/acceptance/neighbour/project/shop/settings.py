"""Django's settings, and Celery's in them: nothing here is as Conveyor's workers have it."""

import os

from kombu import Exchange, Queue

_PREFIX = os.environ["SHOP_KEY_PREFIX"]

SECRET_KEY = "a shop of a test"
INSTALLED_APPS = ["django_celery_results", "shop"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["SHOP_DATABASE"],
        "OPTIONS": {"timeout": 60, "transaction_mode": "IMMEDIATE"},
    }
}
USE_TZ = True


def route(name, args, kwargs, options, task=None, **more):
    return {"queue": "shop.slow"} if name == "shop.tasks.long" else None


CELERY_BROKER_URL = os.environ["SHOP_BROKER"]
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "priority_steps": [0, 3, 7],
    "queue_order_strategy": "priority",
    "visibility_timeout": 7200,
    **({"global_keyprefix": _PREFIX, "sep": "~"} if _PREFIX else {}),
}
CELERY_RESULT_BACKEND = "django-db"
CELERY_RESULT_EXTENDED = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_SERIALIZER = "yaml"
CELERY_ACCEPT_CONTENT = ["yaml", "json"]
CELERY_TASK_ROUTES = (route,)
CELERY_TASK_DEFAULT_QUEUE = "shop"
CELERY_TASK_DEFAULT_EXCHANGE = "shop"
CELERY_TASK_DEFAULT_PRIORITY = 3
CELERY_TASK_QUEUES = [
    Queue("shop", Exchange("shop"), routing_key="shop"),
    Queue("shop.slow", Exchange("shop"), routing_key="shop.slow"),
]
CELERY_TASK_DEFAULT_ROUTING_KEY = "shop"
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
