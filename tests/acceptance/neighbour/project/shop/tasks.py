"""The shop's tasks: each notes that it runs."""

import os
import time
from pathlib import Path

from shop.celery import app
from shop.conversions import conveyor
from shop.models import Order, Run

_PATIENCE_S = 900


@app.task
def quick(label):
    Run.objects.create(label=label)
    return label


@app.task
def long(label):
    """As long as the test wishes: beyond the visibility time-out of whoever works beside it."""
    Run.objects.create(label=label)
    gate, deadline = Path(os.environ["SHOP_GATE"]), time.monotonic() + _PATIENCE_S
    while not gate.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return label


@app.task
def order(label, text):
    """A task of the shop that enqueues a conversion, and holds no slot for it."""
    Run.objects.create(label=label)
    handle = conveyor.convert(conveyor.stage("order.md", [text.encode()]).uri, "pdf")
    Order.objects.create(conversion=handle.id)
    return handle.id


@app.task
def paid(result, label):
    """What comes after a conversion in the shop's canvas."""
    Run.objects.create(label=label)
    return [file["name"] for file in result["files"]]
