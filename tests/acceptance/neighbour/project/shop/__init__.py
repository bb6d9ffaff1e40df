"""A shop: a Django application with a Celery app of its own, and settings that suit it alone."""
