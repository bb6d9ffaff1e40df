"""A first version as a good engineer writes it: a task submits, a task polls every five seconds.

``celery -A benchmarks.peers.naive.app worker -c 2``
"""

from __future__ import annotations

import os
from pathlib import Path

import requests
from celery import Celery, Task, states

SERVICE = os.environ["BENCH_SERVICE"]
FOLDER = Path(os.environ["BENCH_FOLDER"])

app = Celery("naive", broker=os.environ["BENCH_BROKER"], backend=os.environ["BENCH_BROKER"])
app.conf.task_acks_late = True
# Only the poll that finds the file has a result, and it stores that itself. To `raise Ignore` in
# the others would cost more than the whole poll: the pool sends the traceback to the main process.
app.conf.task_ignore_result = app.conf.task_store_errors_even_if_ignored = True

session = requests.Session()


@app.task(bind=True, max_retries=None)
def convert(self: Task, source: str) -> None:
    """Submit, then poll under the same id, so that the caller's `AsyncResult` works."""
    answer = session.post(
        f"{SERVICE}/convert/docx/to/pdf",
        params={"Secret": "bench", "Async": "true", "StoreFile": "true"},
        data={"File": source},
        timeout=30,
    )
    if answer.status_code == requests.codes.unavailable:
        raise self.retry(countdown=5)
    answer.raise_for_status()
    poll.apply_async((answer.json()["JobId"],), countdown=5, task_id=self.request.id)


@app.task(bind=True)
def poll(self: Task, job_id: str) -> None:
    """Ask for the job; store the file, or ask again."""
    answer = session.get(f"{SERVICE}/job/{job_id}", timeout=30)
    if answer.status_code in (requests.codes.accepted, requests.codes.unavailable):
        poll.apply_async((job_id,), countdown=5, task_id=self.request.id)
        return
    answer.raise_for_status()
    file = answer.json()["Files"][0]
    content = session.get(file["Url"], timeout=30).content
    path = FOLDER / f"{self.request.id}-{file['FileName']}"
    path.write_bytes(content)
    self.update_state(state=states.SUCCESS, meta={"file": str(path), "size": len(content)})
