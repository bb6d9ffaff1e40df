"""A web application's Celery module: it has tasks of its own, and knows nothing of the workers."""

import os
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

from celery import Celery
from kombu.utils.json import register_type

register_type(
    timedelta,
    "timedelta",
    lambda it: [it.days, it.seconds, it.microseconds],
    lambda parts: timedelta(*parts),
)

app = Celery("webapp", broker=os.environ["WEBAPP_BROKER"], backend=os.environ["WEBAPP_BROKER"])
app.conf.update(task_send_sent_event=True, worker_hijack_root_logger=False)

# Only its own: each test module imports this file anew, with a broker of its own.
task = partial(app.task, shared=False)


@task
def names_of(result):
    return [file["name"] for file in result["files"]]


@task
def count(results):
    return sorted(file["name"] for result in results for file in result["files"])


@task
def source_for(path):
    return path


@task
def note_failure(task_id):
    """As Celery calls an errback whose task is not registered in the worker that calls it."""
    (Path(os.environ["WEBAPP_FOLDER"]) / f"failed-{task_id}").touch()


@task
def note_documented(request, exc, traceback):
    """The form that Celery documents."""
    _note("documented", request.id, f"{exc!r} {type(traceback).__name__}")


@task
def note_with(request, exc, traceback, word):
    """The same with an argument of its own."""
    _note(f"with-{word}", request.id, str(exc))


@task(bind=True)
def note_bound(self, task_id):
    _note(f"bound-{type(self).__name__}", task_id, "")


@task
def note_alone():
    _note("alone", "", "")


@task
def shout(text):
    return str(text).upper()


@task
def note_shouted(text):
    _note("shouted", text, "")


@task
def kinds_of(_result, *values, **named):
    """What arrived, exactly."""
    return [repr(value) for value in (*values, *named.values())]


def _note(kind, task_id, said):
    """Each call leaves a file of its own, so that two are told from one."""
    part = Path(os.environ["WEBAPP_FOLDER"]) / f"{kind}--{task_id}--{uuid4().hex}.part"
    part.write_text(said)
    part.rename(part.with_suffix(".txt"))
