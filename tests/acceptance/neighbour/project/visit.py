"""What the shop's web process does for a visitor. Run with the name of what; prints JSON."""

import json
import os
import sys

import django
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django.setup()

from shop.conversions import conveyor  # noqa: E402 - Django first
from shop.tasks import long, order, paid, quick  # noqa: E402 - the same


def migrate():
    call_command("migrate", run_syncdb=True, verbosity=0)


def begin(countdown_s):
    """The shop's work, long and short, now and later; prints the ids of conversions."""
    for number in range(2):
        long.delay(f"long-{number}")
    for number, priority in enumerate([0, 3, 7, None]):
        quick.apply_async((f"later-{number}",), countdown=countdown_s, priority=priority)
    quick.apply_async(("later-expiring",), expires=7200, countdown=countdown_s)
    for number in range(2):
        order.delay(f"order-{number}", "# An order\n")
    json.dump([_converted(), *_in_a_canvas()], sys.stdout)


def more():
    """While the long ones run."""
    for number, priority in enumerate([0, 3, 7, None]):
        quick.apply_async((f"quick-{number}",), priority=priority)


def _converted():
    return conveyor.convert(conveyor.stage("visit.md", [b"# A visit\n"]).uri, "pdf").id


def _in_a_canvas():
    """The shop's own tasks come next, where other processes can reach its queues."""
    if os.environ["SHOP_KEY_PREFIX"]:
        return
    next_task = paid.s("paid-chain").set(queue="shop")
    source = conveyor.stage("chain.md", [b"# A chain\n"]).uri
    yield (conveyor.signature(source, to="pdf") | next_task).apply_async().parent.id
    source = conveyor.stage("link.md", [b"# A link\n"]).uri
    callback = paid.s("paid-link").set(queue="shop")
    yield conveyor.signature(source, to="pdf").apply_async(link=callback).id


what, *arguments = sys.argv[1:]
globals()[what](*map(int, arguments))
conveyor.close()
