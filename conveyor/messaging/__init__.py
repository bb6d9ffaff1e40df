"""Celery and the broker: what Conveyor sends, and how its own apps send and receive it."""
