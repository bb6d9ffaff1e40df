"""An application's worker and ours on one Valkey: neither touches the other's messages (I7).

kombu gives back what a consumer has drawn and not acknowledged within the visibility time-out. With
kombu's own keys any consumer does so for all, by its own time-out. ``CONVEYOR_GUEST_SECONDS=300``
tries it with the least time-out that the settings allow, which takes ten minutes.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from conveyor import Conveyor, names
from conveyor.names import Queues
from local_stack.environment import child_environment
from local_stack.process import Child
from local_stack.stack import consumes
from local_stack.valkey import Valkey

HERE = Path(__file__).parent
GUEST_S = float(os.environ.get("CONVEYOR_GUEST_SECONDS", "1"))
LEAST_S = 300.0
# kombu looks every 100 s, unless a test's worker is told to hurry.
PATIENCE_S = 60.0 if GUEST_S < LEAST_S else GUEST_S + 150.0
# Longer than the time-out, so that it is still waited for when our worker looks.
COUNTDOWN_S = 8 * GUEST_S if GUEST_S < LEAST_S else PATIENCE_S

pytestmark = pytest.mark.timeout(600 + 2 * PATIENCE_S)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory):
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def client(valkey):
    with valkey.client() as made:
        yield made


@pytest.fixture(scope="module")
def conveyor(valkey):
    with closing(Conveyor(broker_url=valkey.url())) as made:
        yield made


@pytest.fixture(scope="module")
def application(valkey, conveyor, tmp_path_factory):
    """The application's worker, and its Celery module as its web process imports it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLOWAPP_BROKER", valkey.url())
        patch.syspath_prepend(str(HERE))
        module = importlib.import_module("slowapp")
        worker = Child(
            "slowapp",
            [
                *(sys.executable, "-m", "celery", "-A", "slowapp", "worker"),
                *("-P", "threads", "-c", "8", "-n", "slowapp@localhost", "--without-mingle"),
            ],
            log=tmp_path_factory.mktemp("slowapp") / "worker.log",
            env=dict(os.environ),
            cwd=HERE,
        )
        worker.start()
        worker.wait_ready(consumes(conveyor, "slowapp@localhost"))
        yield module
        worker.stop()
        module.app.close()
        module.client.close()
        patch.delitem(sys.modules, "slowapp")


@pytest.fixture
def our_worker(valkey, conveyor, tmp_path):
    """Starts workers of ours on the application's Valkey; none is asked for until it is ready."""
    started = []

    def start(*, ready=True, **environment):
        node = f"ours-{len(started)}@localhost"
        settings = {
            "BROKER_URL": valkey.url(),
            "API_URL": "http://127.0.0.1:1",
            "API_SECRET": "secret",
            "CONCURRENCY": "2",
            "POOL": "threads",
            "VISIBILITY_TIMEOUT_SECONDS": f"{max(GUEST_S, LEAST_S):g}",
        }
        if GUEST_S < LEAST_S:
            environment.setdefault("IMPATIENT_S", f"{GUEST_S:g}")
        worker = Child(
            node,
            [sys.executable, "-m", "celery", "-A", "impatient_app", "worker", "-n", node],
            log=tmp_path / f"{node}.log",
            env={**child_environment(settings), **environment, "PYTHONPATH": str(HERE.parents[1])},
            cwd=HERE,
        )
        started.append(worker)
        worker.start()
        if ready:
            worker.wait_ready(consumes(conveyor, node))
        return worker

    yield start
    for worker in started:
        worker.stop()


@pytest.fixture
def drawn(application, client, until):
    """Has the application's worker draw a task that runs, and one that waits, for long."""
    name = uuid4().hex

    def draw():
        long, later = f"{name}:long", f"{name}:later"
        application.long.delay(long)
        application.later.apply_async((later,), countdown=COUNTDOWN_S)
        until(lambda: client.hlen("unacked") == 2)
        return long, later

    yield draw
    client.set(f"{name}:long:release", 1)


def _runs(client, *names_of):
    return [int(client.get(f"{name}:ran") or 0) for name in names_of]


def _is_done(client):
    """Whether nobody holds a message of the application's, or has one to draw."""
    return not client.hlen("unacked") and not client.llen("celery")


def test_application_tasks_run_once_and_our_countdown_comes_back(
    *, our_worker, conveyor, client, drawn, until
):
    killed = our_worker(IMPATIENT_S="")
    long, later = drawn()
    conveyor.celery_app.send_task(
        names.POLL, kwargs={"at": 0.0}, queue=Queues().poll, countdown=COUNTDOWN_S
    )
    until(lambda: client.hlen("conveyor:unacked") == 1)
    killed.kill()

    our_worker()
    # Ours has come back: so our worker has looked for what was drawn longer ago than the time-out.
    until(lambda: not client.hlen("conveyor:unacked"), PATIENCE_S)
    assert _runs(client, long) == [1]
    client.set(f"{long}:release", 1)
    until(lambda: _is_done(client), PATIENCE_S)
    assert _runs(client, long, later) == [1, 1]
    assert not client.llen(Queues().poll)


@pytest.mark.skipif(GUEST_S >= LEAST_S, reason="shows the danger, in seconds")
def test_with_kombus_shared_keys_an_application_task_would_run_twice(
    *, our_worker, client, drawn, until
):
    """What the keys of our own are for; without this the test above might prove nothing."""
    long, _ = drawn()

    our_worker(ready=False, IMPATIENT_SHARES="1")

    until(lambda: _runs(client, long) >= [2])


def test_worker_refuses_the_applications_queues(our_worker, application, client, until):
    our_worker()

    replies = application.app.control.add_consumer("mail", reply=True, timeout=5)

    said = {node: answer for reply in replies for node, answer in reply.items()}
    assert said["ours-0@localhost"] == {"error": "mail is not among this worker's queues"}
    assert said["slowapp@localhost"] == {"ok": "add consumer mail"}
    application.later.apply_async((f"mail:{id(said)}",), queue="mail")
    until(lambda: _runs(client, f"mail:{id(said)}") == [1])
