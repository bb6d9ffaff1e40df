"""The simplest version: one task submits, sleeps, and polls in place.

It needs a slot for each conversion that is under way, so it runs with threads:
``celery -A benchmarks.peers.blocking.app worker -P threads -c 64``
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import requests
from celery import Celery, Task
from requests.adapters import HTTPAdapter

SERVICE = os.environ["BENCH_SERVICE"]
FOLDER = Path(os.environ["BENCH_FOLDER"])

app = Celery("blocking", broker=os.environ["BENCH_BROKER"], backend=os.environ["BENCH_BROKER"])
app.conf.task_acks_late = True
# kombu's default of 10 connections starves 64 threads.
app.conf.redis_max_connections = app.conf.broker_pool_limit = 100
app.conf.broker_transport_options = {"max_connections": 100}

session = requests.Session()
session.mount("http://", HTTPAdapter(pool_maxsize=64))


@app.task(bind=True, max_retries=None)
def convert(self: Task, source: str) -> dict[str, object]:
    """Convert, and wait for it here."""
    answer = session.post(
        f"{SERVICE}/convert/docx/to/pdf",
        params={"Secret": "bench", "Async": "true", "StoreFile": "true"},
        data={"File": source},
        timeout=30,
    )
    if answer.status_code == requests.codes.unavailable:
        raise self.retry(countdown=5)
    answer.raise_for_status()
    job_id = answer.json()["JobId"]
    while True:
        time.sleep(5)
        answer = session.get(f"{SERVICE}/job/{job_id}", timeout=30)
        if answer.status_code not in (requests.codes.accepted, requests.codes.unavailable):
            break
    answer.raise_for_status()
    file = answer.json()["Files"][0]
    content = session.get(file["Url"], timeout=30).content
    path = FOLDER / f"{self.request.id}-{file['FileName']}"
    path.write_bytes(content)
    return {"file": str(path), "size": len(content)}
