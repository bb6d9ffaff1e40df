"""An application with a Celery app of its own beside ours, on one database of one Valkey.

Our workers' visibility time-out passes while its long tasks run and its countdowns wait. By default
that is made short: what its workers hold is dated back by more than our time-out, and ours is
started anew, whose first act is to look for what was held for too long. With
``CONVEYOR_NEIGHBOUR_SECONDS=330`` the time-out passes for real.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from workers.local.environment import child_environment
from workers.local.process import Child
from workers.local.stack import LocalStack

PROJECT = Path(__file__).parent / "project"
OUR_TIMEOUT_S = 300
WAIT_S = int(os.environ.get("CONVEYOR_NEIGHBOUR_SECONDS", "0"))
COUNTDOWN_S = WAIT_S or 15
PATIENCE_S = WAIT_S + 120
# Our results are kept where our workers' settings say, below the conversion's id.
_OURS = re.compile(
    r"(\{?conveyor|_kombu\.binding\.conveyor|celery-task-meta-)|.*(pidbox|celeryev|unacked_mutex|binding_deadlines)"
)
QUEUES = ("shop", "shop.slow", "celery")
_OF_AN_APPLICATION = ("BROKER_URL", "REDIS_URL", "RESULT_BACKEND", "STORAGE_URL")


class Shop:
    """The application: its worker, its database, and what its web process does."""

    def __init__(self, stack, name, prefix=""):
        self.prefix = prefix
        self._valkey = stack.valkey
        separator = "~" if prefix else "\x06\x16"
        self._steps = ("", f"{separator}3", f"{separator}7")
        self._folder = stack.directory / name
        self._folder.mkdir()
        self.database = self._folder / "shop.sqlite3"
        settings = stack.settings()
        self._environment = {
            **child_environment({name: settings[name] for name in _OF_AN_APPLICATION}),
            "SHOP_BROKER": stack.broker_url,
            "SHOP_KEY_PREFIX": prefix,
            "SHOP_DATABASE": str(self.database),
            "SHOP_GATE": str(self._folder / "gate"),
            "PYTHONPATH": str(PROJECT),
        }
        self.worker = Child(
            name,
            [
                *(sys.executable, "-m", "celery", "-A", "shop", "worker", "-P", "threads"),
                *("-c", "6", "-n", f"{name}@localhost", "-l", "INFO", "--without-mingle"),
            ],
            log=stack.directory / f"{name}.log",
            env=self._environment,
            cwd=PROJECT,
        )

    def visit(self, *arguments):
        ended = subprocess.run(
            [sys.executable, "visit.py", *map(str, arguments)],
            cwd=PROJECT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def is_idle(self):
        """Whether nothing waits in its queues, and its worker holds nothing."""
        with closing(self._valkey.client()) as client:
            queues = [f"{name}{step}" for name in QUEUES for step in self._steps]
            waiting = sum(client.llen(f"{self.prefix}{queue}") for queue in queues)
            return not waiting and not client.hlen(f"{self.prefix}unacked")

    def open_the_gate(self):
        (self._folder / "gate").touch()

    def rows(self, query):
        with closing(sqlite3.connect(self.database, timeout=60)) as database:
            return database.execute(query).fetchall()

    def runs(self):
        """How often each task has begun."""
        return Counter(label for (label,) in self.rows("SELECT label FROM shop_run"))

    def conversions(self):
        return [each for (each,) in self.rows("SELECT conversion FROM shop_order")]

    def results(self):
        """The tasks' states, as Django's database holds them."""
        query = "SELECT status FROM django_celery_results_taskresult"
        return Counter(status for (status,) in self.rows(query))


@pytest.fixture(scope="module")
def neighbours_stack():
    with LocalStack(
        workers=1, settings={"VISIBILITY_TIMEOUT_SECONDS": str(OUR_TIMEOUT_S)}
    ) as stack:
        yield stack


@pytest.fixture(scope="module")
def shops(neighbours_stack):
    """One that shares the database's keys with everybody, and one whose keys have a prefix."""
    stack = neighbours_stack
    shops = plain, prefixed = Shop(stack, "plain"), Shop(stack, "prefixed", "shop:")
    plain.visit("migrate")
    shutil.copy(plain.database, prefixed.database)
    for shop in shops:
        shop.worker.start()
    try:
        for shop in shops:
            shop.worker.wait_ready(lambda shop=shop: "ready." in shop.worker.printed())
        yield shops
    finally:
        for shop in shops:
            shop.open_the_gate()
            shop.worker.stop()


def keys_of_others(client):
    """The content of every key that is neither ours nor kombu's for remote control and locks."""
    names = sorted(raw.decode() for raw in client.scan_iter(count=1000))
    return {name: client.dump(name) for name in names if not _OURS.match(name)}


def date_back(client, prefix):
    """Let time pass for what a worker holds; how much that is."""
    index = f"{prefix}unacked_index"
    held = client.zrange(index, 0, -1, withscores=True)
    for tag, drawn_at in held:
        client.zadd(index, {tag: drawn_at - 2 * OUR_TIMEOUT_S}, xx=True)  # unless done by now
    return len(held)


@pytest.mark.timeout(WAIT_S + 900)
def test_both_do_their_work_once_beyond_the_visibility_time_out(neighbours_stack, shops, until):
    stack = neighbours_stack
    with closing(stack.valkey.client()) as client, closing(stack.conveyor()) as conveyor:
        before = keys_of_others(client)
        ids = [each for shop in shops for each in json.loads(shop.visit("begin", COUNTDOWN_S))]
        for shop in shops:
            until(lambda shop=shop: {"long-0", "long-1"} <= set(shop.runs()), PATIENCE_S)
            until(lambda shop=shop: len(shop.conversions()) == 2, PATIENCE_S)

        if WAIT_S:
            time.sleep(WAIT_S)
        else:
            for shop in shops:
                assert date_back(client, shop.prefix) >= 2
            stack.workers[0].stop()
            stack.start_worker(stack.workers[0])
        for shop in shops:
            shop.visit("more")
        ids += [each for shop in shops for each in shop.conversions()]
        for each in ids:
            assert conveyor.handle(each).wait(PATIENCE_S).files
        for shop in shops:
            shop.open_the_gate()

        canvas = {"paid-chain": 1, "paid-link": 1}
        for shop, more in zip(shops, (canvas, {}), strict=True):
            expected = {f"long-{number}": 1 for number in range(2)}
            expected |= {
                f"{kind}-{number}": 1 for kind in ("later", "quick") for number in range(4)
            }
            expected |= {"later-expiring": 1, "order-0": 1, "order-1": 1} | more
            until(shop.is_idle, PATIENCE_S)
            assert shop.runs() == expected
            assert shop.results() == {"SUCCESS": sum(expected.values())}
            assert "Traceback" not in shop.worker.printed()
        assert keys_of_others(client) == before
