"""A web application's Celery module: it has tasks of its own, and knows nothing of the workers."""

import os
from pathlib import Path

from celery import Celery

app = Celery("webapp", broker=os.environ["WEBAPP_BROKER"], backend=os.environ["WEBAPP_BROKER"])
app.conf.update(task_send_sent_event=True, worker_hijack_root_logger=False)


@app.task
def names_of(result):
    return [file["name"] for file in result["files"]]


@app.task
def count(results):
    return sorted(file["name"] for result in results for file in result["files"])


@app.task
def source_for(path):
    return path


@app.task
def note_failure(task_id):
    """As Celery calls an errback whose task is not registered in the worker that calls it."""
    (Path(os.environ["WEBAPP_FOLDER"]) / f"failed-{task_id}").touch()
