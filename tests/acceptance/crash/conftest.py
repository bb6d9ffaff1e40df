"""Stages on which a worker dies at a chosen place, and another takes over.

Each stage is a database of one Valkey, so that conversions, messages and time on it are its own;
the sandbox, and so the audit, is shared by all.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
import redis
from celery import Signature
from pypdf import PdfWriter

from conveyor import Conveyor, State
from conveyor.ledger.keys import Keys
from conveyor.names import Queues
from local_stack.environment import ROOT
from local_stack.process import Child
from local_stack.stack import LocalStack

KEYS = Keys()

HERE = Path(__file__).parent
STAGES = 6
PAGES = 2
# So many conversions at once: their scripts go out together.
BURST = 8
SPACING_S = 0.2
# Longer than the first polls come after: `poll` is seen to say "not yet", too.
DURATION_S = 1.5
SWEEP_S = 0.1
# A 404 is a proof so long after the first one: a dead worker's POST is held by nobody here.
PROOF_S = 0.3
WAIT_S = 60.0
# A worker that passes no such place ends after that time.
RUN_S = 40.0
QUIET_LOOKS = 4
MOST_HEARD = 2
# The callback's own queue, which nobody consumes: what lies there was called.
CALLED_BACK = "called-back"
# As `effects` ends a process: how a shell shows SIGKILL.
DIED = 137
_CELERY = (sys.executable, "-m", "celery", "-A", "crashing_app")


@dataclass(frozen=True)
class Point:
    """Where a worker dies, and in which scenario."""

    scenario: str
    place: str
    moment: str

    def __str__(self):
        return f"{self.scenario}: {self.moment} {self.place}"


@dataclass(frozen=True)
class End:
    """How it ended: callbacks that were called, and seconds from the restart to the result."""

    callbacks: int
    took_s: float


class Receiver:
    """Hears callbacks, and notes the ids of their messages by conversion."""

    def __init__(self):
        self.heard = defaultdict(list)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.heard[said["data"]["id"]].append(self.headers["webhook-id"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class WrongError(Exception):
    """What became of a conversion is not what must become of it."""


class Stage:
    """One database, its workers, and what its conversions must come to."""

    def __init__(self, stack, number, folder, receiver):
        self._receiver = receiver
        self._url = stack.valkey.url(number)
        self._storage_url = stack.storage_url
        self._results = stack.directory / "files" / "results"
        self._folder = folder / f"stage-{number}"
        self._folder.mkdir()
        self._client = redis.Redis.from_url(self._url, decode_responses=True)
        services = ("BROKER_URL", "REDIS_URL", "RESULT_BACKEND")
        self._environment = {
            **stack.environment(),
            **{f"CONVEYOR_{name}": self._url for name in services},
            "PYTHONPATH": str(HERE),
        }
        self._numbers = count(1)
        self.enqueued = 0
        self.kept = []

    def close(self):
        self._client.close()

    def record(self, scenario):
        """The places that a conversion passes when nothing goes wrong, in their order."""
        record = self._folder / f"{self.enqueued}.places"
        with self._conveyor() as conveyor:
            conversion_id = self._enqueue(conveyor, scenario)
            with self._worker(CRASH_RECORD=str(record)):
                _outcome(conveyor, conversion_id)
                self._settle()
        return list(dict.fromkeys(record.read_text().splitlines()))

    def play(self, point):
        """Die there, recover, and look at what has become of the conversion.

        Returns:
            The end, or None where the conversion did not pass the place.

        Raises:
            WrongError: It did not end as it must.
        """
        with self._conveyor() as conveyor:
            number = BURST if point.scenario == "burst" else 1
            ids = [self._enqueue(conveyor, point.scenario) for _ in range(number)]
            status = self._exit_status(CRASH_PLACE=point.place, CRASH_MOMENT=point.moment)
            if status is None:
                return None
            if status != DIED:
                raise WrongError(f"the worker ended with {status}, and not at the place")
            self._let_the_ledgers_time_pass(ids)
            if self._client.exists(KEYS.conversion(ids[0])) == 0:
                # A signature is as durable as the broker until it first runs.
                self._let_the_brokers_time_pass(conveyor)
            began = time.monotonic()
            with self._worker(CRASH_SWEEP_S=str(SWEEP_S)):
                told = {each: _outcome(conveyor, each) for each in ids}
                took_s = time.monotonic() - began
                self._settle()
                self._check(point, conveyor, told)
                # The dead worker's messages come now, long after all has ended, and change nothing.
                self._let_the_brokers_time_pass(conveyor)
                self._settle()
                self._check(point, conveyor, told)
            return End(self._client.llen(CALLED_BACK), took_s)

    # -- its conversions ------------------------------------------------------------------------

    def _conveyor(self):
        self._client.flushdb()
        url = self._url
        return closing(
            Conveyor(
                broker_url=url, redis_url=url, result_backend=url, storage_url=self._storage_url
            )
        )

    def _enqueue(self, conveyor, scenario):
        """A document of its own, so that the audit knows it again under any job id."""
        self.enqueued += 1
        document = self._folder / f"{self.enqueued}.pdf"
        if scenario == "damaged":
            document.write_text(f"This is no PDF: {document}")
        else:
            writer = PdfWriter()
            for _ in range(PAGES):
                writer.add_blank_page(72, 72)
            writer.add_metadata({"/Title": str(document)})
            writer.write(document)
        if scenario == "told":
            return conveyor.convert(document, to="split", callback=self._receiver.url).id
        if scenario in ("convert", "burst"):
            return conveyor.convert(document, to="split").id
        self.kept.append(document)
        callback = Signature("web.note", queue=CALLED_BACK, app=conveyor.celery_app)
        signature = conveyor.signature(document, to="split")
        signature.link(callback)
        signature.link_error(callback)
        return signature.apply_async().id

    def _check(self, point, conveyor, told):
        for conversion_id, outcome in told.items():
            self._check_one(point, conveyor, conversion_id, outcome)
        each, why = (1, "upload") if point.scenario == "damaged" else (2 + PAGES, "job and files")
        left = self._left_at_the_service()
        if left != each * len(told):
            raise WrongError(f"{left} left at the service or deleted there, of each {why}")

    def _check_one(self, point, conveyor, conversion_id, told):
        conversion = conveyor.get(conversion_id)
        folder = self._results / conversion_id
        there = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
        heard = self._receiver.heard[conversion_id]
        try:
            assert len(set(heard)) == int(point.scenario == "told")
            # Once, and once more where nobody knew that it was heard.
            assert len(heard) <= MOST_HEARD
            assert _outcome(conveyor, conversion_id) == told
            if point.scenario == "damaged":
                assert (conversion.state, told) == (State.FAILED, "ConversionFailed")
                assert there == []
                assert self._client.zrange(KEYS.dead, 0, -1) == [conversion_id]
            else:
                assert (conversion.state, told) == (State.SUCCEEDED, conversion.to_dict())
                assert len(conversion.files) == PAGES
                assert there == sorted(file.name for file in conversion.files)
                assert all(conveyor.storage.holds(file) for file in conversion.files)
        except AssertionError as error:
            raise WrongError(f"{error}; {conversion}; stored: {there}; told: {told}") from error

    def _settle(self):
        """Wait until the caller is told and no message is left, nor between queue and worker."""
        deadline, quiet = time.monotonic() + WAIT_S, 0
        while quiet < QUIET_LOOKS:
            left = self._left()
            quiet = 0 if left else quiet + 1
            if time.monotonic() > deadline:
                raise WrongError(f"left after {WAIT_S:g} s: {left}")
            time.sleep(0.04)

    def _left(self):
        """What is still to be done; what a dead worker held is none of it."""
        left = {queue: self._client.llen(queue) for queue in Queues().names}
        left["due"] = sum(map(self._client.zcard, (*KEYS.all_due, KEYS.due("notify"))))
        left["in hand"] = sum(
            tag not in self._lost for tag in self._client.hkeys("conveyor:unacked")
        )
        return {what: count for what, count in left.items() if count}

    def _left_at_the_service(self):
        """What is to be deleted there, or has been."""
        deleted = self._client.hget(KEYS.counts, "deleted")
        return self._client.zcard(KEYS.leftovers) + int(deleted or 0)

    # -- time -----------------------------------------------------------------------------------

    def _let_the_ledgers_time_pass(self, ids):
        """The conversions are overdue, and the leases of the dead worker's requests have run out.

        Sound, because a lease protects a request that may still be in flight, and there is none:
        the only worker of this stage is dead, and it died before its poll or POST was sent, or
        after the sandbox had answered it. The spacing from then on is kept, as after a poll.
        """
        self._lost = set(self._client.hkeys("conveyor:unacked"))
        for each in ids:
            for due in KEYS.all_due:
                self._client.zadd(due, {each: 0}, xx=True)
            self._client.pexpire(KEYS.turnstile(each), round(SPACING_S * 1000) + 50)
            self._client.pexpire(KEYS.delivery(each), 50)
        for key in (KEYS.due("notify"), *self._client.scan_iter(f"{KEYS.prefix}notices:*:*")):
            for member in self._client.zrange(key, 0, -1):
                self._client.zadd(key, {member: 0})

    def _let_the_brokers_time_pass(self, conveyor):
        """The visibility time-out of all that the dead worker held; kombu does the rest."""
        if self._lost:
            self._client.zadd("conveyor:unacked_index", dict.fromkeys(self._lost, 0), xx=True)
        with conveyor.celery_app.connection_for_write() as connection:
            # As a worker has it: a producer draws nothing.
            connection.transport_options.update(Queues().unacknowledged)
            connection.default_channel.qos.restore_visible(num=1000, interval=1)
        self._lost = set()

    # -- its workers ----------------------------------------------------------------------------

    _lost: frozenset[str] | set[str] = frozenset()

    @contextmanager
    def _worker(self, **environment):
        """A worker that is killed at the end, wherever it stands."""
        quiet = ("--without-mingle", "--without-gossip", "--without-heartbeat")
        worker = Child(
            "worker",
            (*_CELERY, "worker", "-n", f"w{next(self._numbers)}@localhost", *quiet),
            log=self._folder / "worker.log",
            env={**self._environment, **environment},
            cwd=ROOT,
        )
        worker.start()
        try:
            yield worker
        finally:
            worker.kill()

    def _exit_status(self, **environment):
        """How a worker ended by itself; None where it had to be killed."""
        with self._worker(**environment) as worker:
            deadline = time.monotonic() + RUN_S
            while worker.is_running and time.monotonic() < deadline:
                time.sleep(0.02)
            return worker.exit_status


def _outcome(conveyor, conversion_id):
    """What the caller learns: the result, or the name of the error."""
    try:
        return conveyor.celery_app.AsyncResult(conversion_id).get(timeout=WAIT_S)
    except Exception as error:  # noqa: BLE001 - without our package Celery makes up a class
        return type(error).__name__


@pytest.fixture(scope="module")
def stack():
    options = ("--duration", str(DURATION_S), "--workers", str(STAGES), "--audit-fingerprints")
    with LocalStack(
        workers=0,
        concurrency=2,
        spacing=SPACING_S,
        sandbox_options=options,
        settings=dict.fromkeys(("PROOF_SECONDS", "PROOF_CLOSED_SECONDS"), f"{PROOF_S:g}"),
    ) as running:
        yield running


@pytest.fixture(scope="module")
def stages(stack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stages")
    # The storage is marked here: of stages that mark it at a time, only one would go on with it.
    with closing(stack.conveyor()) as conveyor:
        conveyor.unstage([conveyor.stage("first.txt", [b"1"])])
    with ExitStack() as opened:
        receiver = opened.enter_context(closing(Receiver()))
        # Started here, not in a thread: a child ends with the thread that started it.
        yield [
            opened.enter_context(closing(Stage(stack, number, folder, receiver)))
            for number in range(1, STAGES + 1)
        ]


@pytest.fixture
def crash():
    return SimpleNamespace(Point=Point, WrongError=WrongError)
