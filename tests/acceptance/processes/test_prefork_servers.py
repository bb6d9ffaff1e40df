"""Real servers that fork: gunicorn with its application preloaded, and Celery's own pool.

Each uses the library before it forks, and in its children.
"""

from __future__ import annotations

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests

from local_stack.environment import child_environment
from local_stack.ports import LOOPBACK, free_port
from local_stack.process import Child
from local_stack.stack import consumes

HERE = Path(__file__).parent
PATIENCE_S = 90
_OF_AN_APPLICATION = ("BROKER_URL", "REDIS_URL", "RESULT_BACKEND", "STORAGE_URL")


def environment_of(stack):
    settings = stack.settings()
    return child_environment({name: settings[name] for name in _OF_AN_APPLICATION})


@contextmanager
def served(stack, app, *options):
    """gunicorn with two workers; yields what posts a document to it."""
    server = Child(
        f"gunicorn-{app}",
        [
            *(sys.executable, "-m", "gunicorn", f"preloaded:{app}", "--preload", "--workers", "2"),
            *("--bind", f"{LOOPBACK}:{(port := free_port())}", "--no-control-socket", *options),
        ],
        log=stack.directory / f"gunicorn-{app}.log",
        env=environment_of(stack),
        cwd=HERE,
    )
    session = requests.Session()
    session.trust_env = False

    def post(path):
        url = f"http://{LOOPBACK}:{port}{path}"
        answer = session.post(url, data=b"# Report\n", timeout=PATIENCE_S)
        assert answer.ok, server.printed()
        return answer.json()

    server.start()
    try:
        server.wait_ready(lambda: server.printed().count("Booting worker") == 2)
        yield post
    finally:
        server.stop()
    assert "Traceback" not in server.printed()


def check(post, paths):
    with ThreadPoolExecutor(len(paths)) as visitors:
        answers = list(visitors.map(post, paths))

    assert {answer["name"] for answer in answers} == {"a.pdf"}
    assert all(answer["size"] for answer in answers)
    assert all(answer["is_child"] for answer in answers)


def test_a_preloaded_wsgi_application_converts_in_each_worker(stack):
    with served(stack, "wsgi", "--threads", "4") as post:
        check(post, ["/", "/in-a-loop"] * 3)


def test_a_preloaded_asgi_application_converts_in_each_worker(stack):
    with served(stack, "asgi", "--worker-class", "asgi") as post:
        check(post, ["/"] * 6)


@pytest.fixture
def environment(stack):
    return {**environment_of(stack), "PREFORKED": stack.broker_url}


@pytest.fixture
def worker(stack, environment, conveyor):
    worker = Child(
        "preforked",
        [
            *(sys.executable, "-m", "celery", "-A", "preforked", "worker", "-P", "prefork"),
            # Children that come later are forked from a process that has long worked.
            *("-c", "2", "--max-tasks-per-child", "2", "-n", "preforked@localhost"),
            *("--without-mingle", "--without-gossip"),
        ],
        log=stack.directory / "preforked.log",
        env=environment,
        cwd=HERE,
    )
    worker.start()
    try:
        worker.wait_ready(consumes(conveyor, "preforked@localhost"))
        yield worker
    finally:
        worker.stop()


@pytest.fixture
def convert(environment):
    """The application's task, as its web process would call it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.syspath_prepend(str(HERE))
        module = importlib.import_module("preforked")
        with closing(module.conveyor), closing(module.app):
            yield module.convert
        patch.delitem(sys.modules, "preforked")


def test_tasks_of_a_prefork_pool_convert_after_their_parent_has(worker, convert, conveyor):
    results = [convert.delay("# Report\n", in_a_loop=number % 2 == 0) for number in range(8)]

    for result in results:
        conversion = conveyor.handle(result.get(timeout=60)).wait(60)
        assert [file.name for file in conversion.files] == ["a.pdf"]
    assert "Traceback" not in worker.printed()
