"""An application's Celery module: tasks that take long, or wait long, and count their runs."""

import os
import time

import redis
from celery import Celery

app = Celery("slowapp", broker=os.environ["SLOWAPP_BROKER"])
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
)
client = redis.Redis.from_url(os.environ["SLOWAPP_BROKER"])


@app.task
def long(name):
    """Run until ``<name>:release`` is set."""
    client.incr(f"{name}:ran")
    deadline = time.monotonic() + 1200
    while not client.exists(f"{name}:release") and time.monotonic() < deadline:
        time.sleep(0.05)


@app.task
def later(name):
    client.incr(f"{name}:ran")
