"""What the shop's web process does for a visitor. Run with the name of what; prints JSON."""

import json
import os
import sys

import django
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django.setup()

from shop.celery import app  # noqa: E402 - Django first
from shop.conversions import conveyor  # noqa: E402
from shop.tasks import long, order, paid, quick  # noqa: E402


def migrate():
    call_command("migrate", run_syncdb=True, verbosity=0)


def begin(countdown_s):
    """The shop's own work, long and short, now and later."""
    for number in range(2):
        long.delay(f"long-{number}")
    for number, priority in enumerate([0, 3, 7, None]):
        quick.apply_async((f"later-{number}",), countdown=countdown_s, priority=priority)
    quick.apply_async(("later-expiring",), expires=7200, countdown=countdown_s)


def more():
    for number, priority in enumerate([0, 3, 7, None]):
        quick.apply_async((f"quick-{number}",), priority=priority)


def convert():
    """Conversions, enqueued by the web process and by tasks: the ids of the former."""
    for number in range(2):
        order.delay(f"order-{number}", "# An order\n")
    handle = conveyor.convert(conveyor.stage("visit.md", [b"# A visit\n"]).uri, "pdf")
    ids = [handle.id]
    if conveyor.celery_app is app:
        source = conveyor.stage("canvas.md", [b"# A canvas\n"]).uri
        signature = conveyor.signature(source, to="pdf")
        ids.append((signature | paid.s("paid-chain")).apply_async().parent.id)
        other = conveyor.signature(source, to="pdf")
        ids.append(other.apply_async(link=paid.s("paid-link")).id)
    json.dump(ids, sys.stdout)


what, *arguments = sys.argv[1:]
globals()[what](*map(int, arguments))
conveyor.close()
