"""An application's Celery module: its tasks enqueue conversions, as its main process has."""

from __future__ import annotations

import asyncio
import os

from celery import Celery
from celery.signals import worker_init

from conveyor import Conveyor

app = Celery("preforked", broker=os.environ["PREFORKED"], backend=os.environ["PREFORKED"])
app.conf.update(task_send_sent_event=True, worker_hijack_root_logger=False)
conveyor = Conveyor.from_env(celery_app=app)
used_in = os.getpid()


async def chunks_of(text):
    yield text.encode()


async def enqueued(text):
    staged = await conveyor.astage("a.md", chunks_of(text))
    handle = await conveyor.aconvert(staged.uri, "pdf")
    return handle.id


@worker_init.connect
def use(**_options):
    """In the main process, before it forks its pool: threads, sockets and an event loop."""
    conveyor.handle(asyncio.run(enqueued("# Before\n"))).cancel()


@app.task
def convert(text, *, in_a_loop):
    assert os.getpid() != used_in
    if in_a_loop:
        return asyncio.run(enqueued(text))
    return conveyor.convert(conveyor.stage("a.md", [text.encode()]).uri, "pdf").id
