"""What Conveyor decides and remembers, as plain values: no Redis, Celery, HTTP or storage."""
