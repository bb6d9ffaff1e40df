"""What teams have today, to measure against: one task that submits, sleeps and polls.

It is as fair as it can be: the same HTTP library, pooled connections, the same polls.
"""

from __future__ import annotations

import os
import time
from uuid import uuid4

import requests
from celery import Celery

app = Celery("slot_holder", broker=os.environ["BENCH_BROKER"], backend=os.environ["BENCH_BROKER"])
app.conf.update(worker_prefetch_multiplier=1, redis_max_connections=100, broker_pool_limit=100)
app.conf.broker_transport_options = {"max_connections": 100}

_SERVICE = os.environ["BENCH_SERVICE"]
_SPACING_S = float(os.environ["BENCH_SPACING"])
_session = requests.Session()
_session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=100))


@app.task(name="slot_holder.convert")
def convert(file_id: str) -> int:
    """Convert and hold the slot until the file is here."""
    job_id = uuid4().hex
    query = {"JobId": job_id, "StoreFile": "true", "File": file_id}
    headers = {"Authorization": "Bearer sandbox"}
    _session.post(
        f"{_SERVICE}/async/convert/any/to/zip", params=query, headers=headers, timeout=30
    ).raise_for_status()
    while True:
        time.sleep(_SPACING_S)
        answer = _session.get(f"{_SERVICE}/async/job/{job_id}", timeout=30)
        if answer.status_code == 200:  # noqa: PLR2004
            return len(_session.get(answer.json()["Files"][0]["Url"], timeout=30).content)
