"""Celery messages that do nothing."""
