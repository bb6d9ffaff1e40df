"""The workers: Celery application, task base, composition root, local stack."""
