"""Random interleavings of bells, answers, crashes, sleeps and lost writes: I1, I2 and I3.

The tasks are the real ones, with the real ledger, claims, turnstile, leases, governor, heartbeat
and sweep on a real Valkey. The service, the broker and the storage are models. A message is worked
off by a process of its own, in greenlets: one claims, and one works on each conversion that it has
claimed. A greenlet stops before it begins, before each command to Redis, after the intent is on
record, while a request is under way, and before each message. There its process may be killed or
put to sleep, and others come between.

Time passes when a rule says so, and not by itself: the scripts read a clock of the test's instead
of the server's. So a run can be repeated, and no test sleeps. The hosts' clocks differ from it by
half a minute.

`CONVEYOR_INTERLEAVINGS` sets the number of runs.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing, contextmanager, suppress
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cache, partial
from types import SimpleNamespace

import greenlet
import pytest
import redis
from celery.exceptions import Ignore
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from config.settings import WorkerSettings
from conveyor import ConversionDeleted, State, names
from conveyor.convertapi.account import Account
from conveyor.convertapi.errors import Unclear
from conveyor.dead.letters import DeadLetters
from conveyor.deleting import delete, erase
from conveyor.domain.answers import (
    Busy,
    Failed,
    Finished,
    InProgress,
    Lost,
    NotFound,
    RemoteFile,
    Result,
    Started,
    Throttled,
    Unreadable,
    Unsent,
)
from conveyor.domain.canvas import Caller
from conveyor.domain.conversion import StoredFile
from conveyor.domain.next_steps import Limits
from conveyor.domain.request import ConversionRequest
from conveyor.domain.terms import Terms
from conveyor.errors import ConversionFailed, LedgerUnavailable, StorageError, UnknownConversion
from conveyor.ledger import Ledger, Renewal, connect
from conveyor.ledger.claims import Claims
from conveyor.ledger.delivery_lease import DeliveryLeases
from conveyor.ledger.due import KINDS
from conveyor.ledger.expected_durations import ExpectedDurations
from conveyor.ledger.governor import Governor
from conveyor.ledger.index import Index
from conveyor.ledger.keys import Keys
from conveyor.ledger.together import Together
from conveyor.ledger.tombstones import DELETED
from conveyor.ledger.turnstile import Turnstile
from conveyor.messaging import bells, canvas
from conveyor.messaging.bells import Belfry
from conveyor.messaging.cancelling import cancel
from conveyor.messaging.publishing import Publisher
from conveyor.settings import load
from tests import clocks
from workers import reporting
from workers.deadlines import end_late
from workers.dialects import Dialects
from workers.downloads import Fetched
from workers.heartbeat import Heartbeat
from workers.services import Services
from workers.sweep import sweep

KEYS = Keys()
OF_TOMBSTONES = ("state", "deleted_at", "left", "staged", "token")

DEFAULT_RUNS = 60
RUNS = int(os.environ.get("CONVEYOR_INTERLEAVINGS", DEFAULT_RUNS))
CONVERSIONS = 2
SPACING_S = 5.0
# As `workers.wiring` has it.
LEASE_S = 13.0
# As `conveyor.ledger.claims` has it: what is due for so long is overdue.
GRACE_S = 2.0
# What is late by so much has no bell; one may wait for the end of its slot.
SLOT_S = 0.25
# As `workers.claiming` has it.
PATIENCE_S = 1.0
# No mark of a bell keeps others from ringing for longer.
MOST_QUIET_S = 70.0
# A heart beats at least so often, and one that sleeps does not.
BEAT_S = 10.0
GATEWAY_S = 100.0
JOB_LIFE_S = 7200.0
FORGETS_S = 3600.0
# Redis loses seconds when it is switched, and not hours.
MOST_LOST_S = 600.0
CLOCKS_S = (0.0, -30.0, 30.0)
LIMITS = Limits(hold_s=6 * 3600.0)
# Where one waits for another's place, only what it waits for itself counts: it is tried often.
SOON = replace(LIMITS, submit_s=600.0)

REQUEST = ConversionRequest.build("https://example.com/a.docx", "pdf")
RESULT = Result(1, (RemoteFile("a.pdf", "https://eu-v2.convertapi.com/d/x", 3),))
FILE = StoredFile("a.pdf", "file:///a.pdf", 3, "0" * 64)
ROUNDS = 120
MANY_MESSAGES = 6

# What may happen to a request. In each run a few of the faults do, and so more often.
POST_FAULTS = (
    *("finished", "taken", "lost", "closed after", "closed before", "gateway", "held", "throttled"),
    *("unsent", "denied", "no balance", "refused", "unreadable", "broken off"),
)
POLL_FAULTS = (
    *("late truth", "stray 404", "busy", "come later", "denied", "lost", "gateway", "unsent"),
    *("unreadable", "broken off"),
)
STORE_FAULTS = ("away", "service away")
USERS = ("well", "well", "refused")
# How many of the crew are free.
ROOMS = (1, 0)
MOST = 64
REPEATS = ("takes", "takes", "takes", "409", "400", "first")
# How the world is at the end: as it should be, or bad in one way, for ever.
ENDS = {
    "well": (),
    "silent": ("lost",),
    "running": ("never ends",),
    "busy": ("busy",),
    "throttled": ("throttled", "truth"),
    "denied": ("denied", "refused"),
    "unsent": ("unsent",),
}
TASK_OF = {"submit": names.SUBMIT, "poll": names.POLL, "deliver": names.DELIVER}
WAITS = "for another task of its process"
FATES = ("delivered", "delivered", "delivered", "repeated", "dropped")

TO_THE_END = 60
pick = st.integers(0, 1_000_000)
# Where a task stops, others come between.
steps_and_data = st.tuples(st.sampled_from((TO_THE_END, 1, 2, 3, 4, 6, 9)), st.data())
# Those of who sends a message, and of who takes it.
hosts_clocks = st.tuples(st.sampled_from(CLOCKS_S), st.sampled_from(CLOCKS_S))
# Passed by the time at which it is submitted, just then, and later.
DEADLINES_S = (None, 0.5, 20.0, 200.0, 2000.0)
seldom = st.sampled_from((False, False, True))


def few(faults):
    return st.lists(st.sampled_from(faults), max_size=3)


# Mostly the newest, or a run would be lost in what is stale.
age = st.sampled_from((0, 0, 0, 0, 1, 1, 2, 3, 5, 8, 13))

NOW = "{conveyor}:test:now"
LAPSES = "{conveyor}:test:lapses"
# Before each script: `TIME` and what lapses go by the test's clock.
UNDER_OUR_CLOCK = """
local real, NOW, LAPSES = redis, '{conveyor}:test:now', '{conveyor}:test:lapses'
local now_us = tonumber(real.call('GET', NOW))
local now_ms = math.floor(now_us / 1000)
for _, key in ipairs(real.call('ZRANGEBYSCORE', LAPSES, '-inf', now_ms)) do
  real.call('DEL', key)
  real.call('ZREM', LAPSES, key)
end
local function lapse(key, ms)
  real.call('ZADD', LAPSES, string.format('%.0f', now_ms + ms), key)
  return 1
end
local commands = {}
function commands.TIME()
  local seconds = math.floor(now_us / 1000000)
  return {string.format('%.0f', seconds), string.format('%.0f', now_us % 1000000)}
end
function commands.PEXPIRE(key, ms) return lapse(key, ms) end
function commands.PTTL(key)
  local at = real.call('EXISTS', key) == 1 and real.call('ZSCORE', LAPSES, key)
  return at and at - now_ms or -2
end
function commands.SET(key, value, ...)
  local options, ms = {...}, nil
  if options[#options - 1] == 'PX' then
    ms = table.remove(options)
    table.remove(options)
  end
  local done = real.call('SET', key, value, unpack(options))
  if done and ms then lapse(key, ms) end
  return done
end
local redis = {pcall = real.pcall}
function redis.call(name, ...)
  return (commands[name] or function(...) return real.call(name, ...) end)(...)
end
"""
TELL_TIME = """
local time = redis.call('TIME')
return {tonumber(time[1]), tonumber(time[2])}
"""


class Clock:
    """The time at Redis, and what the hosts take for it."""

    def __init__(self):
        self.begin()

    def begin(self):
        """Begin anew: the same run is the same again, to the last bit."""
        self.now_us = 1_800_000_000_000_000
        self.skew_s = 0.0

    def now(self):
        return self.now_us / 1e6

    def time(self):
        return self.now() + self.skew_s


class Killed(BaseException):
    """The process is dead: nothing that it would still do happens."""


@dataclass
class RemoteJob:
    """A job at the service."""

    conversion_id: str
    arrived_at: float
    state: str = "running"  # then finished or failed


@dataclass
class Held:
    """A POST that a gateway holds, also when whoever sent it has gone."""

    conversion_id: str
    job_id: str
    until: float
    answer: object = None


@dataclass
class Service:
    """What the service knows and has charged.

    Attributes:
        repeats: What becomes of a job id that is posted again: it is taken, and charged, once more;
            refused, with 409 or 400; or answered with the first job.
        is_anycast: Whether polls may reach a data centre that does not know the job.
    """

    clock: Clock
    repeats: str
    is_anycast: bool
    jobs: dict[str, RemoteJob] = field(default_factory=dict)
    charged: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    held: list[Held] = field(default_factory=list)
    said_gone: set[str] = field(default_factory=set)
    ever_charged: set[str] = field(default_factory=set)

    def arrive(self, conversion_id, job_id, state="running"):
        """A POST has come through. Returns the answer."""
        if job_id in self.jobs and self.repeats != "takes":
            return self._again(job_id)
        self.charged[conversion_id].append(job_id)
        self.ever_charged.add(conversion_id)
        self.jobs[job_id] = RemoteJob(conversion_id, self.clock.now(), state)
        return Finished(RESULT) if state == "finished" else Started(job_id)

    def _again(self, job_id):
        if self.repeats == "409":
            return Lost("HTTP 409", 409)
        if self.repeats == "400":
            return Failed(400, 4000, "JobId is already in use.")
        return Finished(RESULT) if self.jobs[job_id].state == "finished" else Started(job_id)

    def look(self, job_id):
        """What is true of a job."""
        job = self.jobs.get(job_id)
        if job is None:
            self.said_gone.add(job_id)
            return NotFound()
        answers = {"finished": Finished(RESULT), "failed": Failed(500, 5001, "It is damaged.")}
        return answers.get(job.state, InProgress())

    def stray(self, job_id):
        """A load balancer answers one 404; where polls go anywhere, as many as it likes."""
        if job_id in self.said_gone and not self.is_anycast:
            return self.look(job_id)
        self.said_gone.add(job_id)
        return NotFound()

    def is_gone(self, job_id):
        """Whether a replay may pay again because of what the service has said of the old job."""
        if self.is_anycast and job_id in self.said_gone:
            return True
        return job_id not in self.jobs and all(held.job_id != job_id for held in self.held)

    def let_through(self, held):
        self.held.remove(held)
        held.answer = self.arrive(held.conversion_id, held.job_id)

    def grow_older(self):
        now = self.clock.now()
        for held in [held for held in self.held if held.until <= now]:
            self.let_through(held)
        old = [key for key, job in self.jobs.items() if job.arrived_at + JOB_LIFE_S <= now]
        for job_id in old:
            del self.jobs[job_id]
        return old


class Api:
    """The client, as the tasks use it. Each request stops once while it is under way."""

    base_url = "https://eu-v2.convertapi.com"

    def __init__(self, fleet):
        self._fleet = fleet

    def start(self, _dialect, _pair, _form, job_id, _keep, **_):
        fleet, how = self._fleet, self._fleet.ask(self._fleet.posted)
        if how == "unsent":
            return Unsent("no connection")
        conversion_id, _ = fleet.attempts[job_id]
        answer = self._sent(how, conversion_id, job_id)
        with fleet.under_way("POST", job_id) as is_late:
            fleet.stop()
        if isinstance(answer, Held):
            is_back = answer.answer and fleet.ask(("answered", "lost")) == "answered"
            answer = answer.answer if is_back else Lost("no answer")
        return Lost("no answer in time") if is_late() else answer

    def _sent(self, how, conversion_id, job_id):
        service = self._fleet.service
        if how == "held":
            held = Held(conversion_id, job_id, self._fleet.clock.now() + GATEWAY_S)
            service.held.append(held)
            return held
        if how == "refused" and job_id not in service.jobs:
            return Failed(400, 5001, "It can't be converted.")
        lost = {
            "lost": Lost("the connection was lost"),
            "closed before": Lost("the connection was closed", closed_at_once=True),
            "throttled": Throttled(),
            "denied": Failed(401, 4013, "The secret is wrong."),
            "no balance": Failed(402, 4014, "The balance is used up."),
        }
        if how in lost:
            return lost[how]
        is_first = job_id not in service.jobs
        is_done = is_first and how in ("finished", "unreadable", "broken off")
        answer = service.arrive(conversion_id, job_id, "finished" if is_done else "running")
        hidden = {
            "taken": Lost("the connection was lost"),
            "gateway": Lost("a proxy's page", 504),
            "closed after": Lost("the connection was closed", closed_at_once=True),
        }
        odd = {
            "unreadable": Unreadable("no file has a Url", "{}"),
            "broken off": Lost("the answer breaks off", paid=True),
        }
        return hidden.get(how) or (odd.get(how, answer) if is_done else answer)

    def poll(self, _base_url, _dialect, job_id, _keep, **_):
        fleet = self._fleet
        how = fleet.ask(fleet.polled)
        if how == "unsent":
            return Unsent("no connection")
        fleet.poll_begins(job_id)
        early = None if how == "late truth" else self._answered(how, job_id)
        with fleet.under_way("GET", job_id) as is_late:
            fleet.stop()
        answer = early or self._answered(how, job_id)
        fleet.poll_ends(job_id)
        return Lost("no answer in time") if is_late() else answer

    def _answered(self, how, job_id):
        service = self._fleet.service
        if how == "stray 404":
            return service.stray(job_id)
        known = {
            "busy": Busy(),
            "come later": Busy(40.0, 429),
            "denied": Busy(None, 401),
            "lost": Lost("the connection was lost"),
            "gateway": Lost("a proxy's page", 502),
        }
        if how in known:
            return known[how]
        truth = service.look(job_id)
        odd = {"unreadable": Unreadable("it is no JSON", "{}"), "broken off": Lost("", paid=True)}
        return odd.get(how, truth) if isinstance(truth, Finished) else truth

    def user(self):
        self._fleet.stop()
        if self._fleet.ask(USERS) == "refused":
            raise Unclear("HTTP 403")
        return Account(True, 1000, round(self._fleet.clock.now()))


class Storage:
    """The files; nothing is staged."""

    def holds(self, _file):
        return True

    def remove_partials(self, _conversion_id):
        pass

    def remove_staged(self, _uris):
        return True

    def remove_results(self, _conversion_id):
        pass


@dataclass
class Message:
    """A message in the broker; `due_at` is when its countdown ends."""

    name: str
    args: tuple
    kwargs: dict
    due_at: float


class Broker:
    """Messages, in no order; `publish` takes it for a Celery application and its producer."""

    conf = SimpleNamespace(task_send_sent_event=False, task_publish_retry_policy={})

    def __init__(self, fleet):
        self._fleet = fleet
        self.amqp = self
        self.messages = []

    @contextmanager
    def producer_or_acquire(self):
        yield self

    def as_task_v2(self, task_id, name, *, args, kwargs, countdown=None, **_):
        headers = {"id": task_id, "task": name, "countdown": countdown or 0}
        return SimpleNamespace(
            headers=headers, properties={}, body=(args, kwargs, {}), sent_event=None
        )

    def publish(self, body, *, headers, **_):
        self._fleet.stop()
        args, kwargs, _ = body
        due_at = self._fleet.clock.now() + headers["countdown"]
        self.messages.append(Message(headers["task"], args, kwargs, due_at))


class Marker:
    """Every worker has the right storage."""

    def check(self, *, anew=False):
        pass


def _fenced(name):
    """A way to note an answer, which is refused to whoever had the conversion before."""

    def note(self, entry, *args, **changes):
        noted = getattr(Ledger, name)(self, entry, *args, **changes)
        assert noted is None or noted.turn <= entry.turn + 1, "another has taken it meanwhile"
        return noted

    return note


class WatchedLedger(Ledger):
    """The ledger, and what the test must know of what is written to it."""

    fleet = None

    started, ask_first, poll_later, submit_later = map(
        _fenced, ("started", "ask_first", "poll_later", "submit_later")
    )

    def begin_submit(self, entry, job, *entering, **changes):
        self.fleet.attempts[job.job_id] = (entry.id, entry.attempt)
        begun = super().begin_submit(entry, job, *entering, **changes)
        # A process may be stopped before it hears of it.
        self.fleet.stop()
        return begun

    def put_back(self, entry, *args, pays_anew=False, **changes):
        if pays_anew and self.fleet.service.is_gone(entry.job_id):
            self.fleet.permitted[entry.id].add(entry.attempt + 1)
        return _fenced("put_back")(self, entry, *args, pays_anew=pays_anew, **changes)


class WatchedDeliveryLeases(DeliveryLeases):
    """The leases, and which life of a conversion a delivery is about: a replay begins another."""

    def __init__(self, client, fleet):
        super().__init__(client, LEASE_S)
        self._fleet = fleet

    def acquire(self, conversion_id):
        lease = super().acquire(conversion_id)
        self._fleet.current.era = self._fleet.eras[conversion_id]
        return lease

    def taken(self, entry, taking):
        self._fleet.current.era = self._fleet.eras_taken[taking.token]
        return super().taken(entry, taking)


class WatchedHeartbeat(Heartbeat):
    """A process's, which beats where time passes; it knows which task works on what."""

    def __init__(self, fleet):
        super().__init__(Ledger(fleet.client), LEASE_S, clock=fleet.clock.now)
        # It needs no thread.
        self._thread = True
        self._fleet = fleet

    @contextmanager
    def renewing(self, held, *most_s):
        task = self._fleet.current
        with super().renewing(held, *most_s) as work:
            task.works.append(work)
            try:
                yield work
            finally:
                task.works.remove(work)


class TurnLock:
    """A lock that lets the process's other tasks go on while one waits for it."""

    def __init__(self, working):
        self._working = working
        self._is_taken = False

    def acquire(self):
        while self._is_taken:
            self._working["fleet"].wait()
        self._is_taken = True

    def release(self):
        self._is_taken = False

    def __enter__(self):
        self.acquire()

    def __exit__(self, *_):
        self.release()


class Crew:
    """A process's: what was claimed is worked on by a task each, and nobody waits for them."""

    def __init__(self, process):
        self._process = process

    def room(self, _patience_s):
        fleet = self._process.fleet
        return fleet.ask(fleet.rooms)

    @contextmanager
    def turn(self, patience_s):
        yield self.room(patience_s)

    def begin(self, jobs):
        for job in jobs:
            self._process.begin(job)
        return len(jobs)

    def wait(self, begun):
        if begun:
            self._process.fleet.stop()


@dataclass
class UnderWay:
    """A request that has left its worker."""

    method: str
    job_id: str


class Process:
    """A worker's process that works off a message."""

    def __init__(self, fleet, message, skew_s):
        self.fleet = fleet
        self.message = message
        self.skew_s = skew_s
        self.is_asleep = False
        self.heartbeat = WatchedHeartbeat(fleet)
        ledger = copy(fleet.services.ledger)
        ledger._together = Together(fleet.workers_client)
        self.services = replace(
            fleet.services, ledger=ledger, heartbeat=self.heartbeat, crew=Crew(self)
        )
        self.begin(self._body)

    @property
    def tasks(self):
        return [task for task in self.fleet.tasks if task.process is self]

    def begin(self, job):
        self.fleet.tasks.append(Task(self, job))

    def _body(self):
        body = self.fleet.bodies[self.message.name]
        with suppress(ConversionFailed):
            body.run(*self.message.args, **self.message.kwargs)


class Task:
    """One thread of a process: where it stands is where its greenlet has stopped."""

    def __init__(self, process, job):
        self.process = process
        self.is_dead = False
        self.is_of_lost_time = False
        self.has_lapsed = False
        self.cut_off = ""
        self.under_way = None
        self.era = None
        self.waits = False
        self.works = []
        self.greenlet = greenlet.greenlet(self._run, process.fleet.hub)
        self._job = job

    @property
    def lives(self):
        """Whether the heart beats for what it is doing."""
        is_kept = self.works and not any(work.is_overtime for work in self.works)
        return bool(is_kept) and not self.process.is_asleep

    @property
    def was_interrupted(self):
        """Whether another may have gone on with what it has begun."""
        return self.is_dead or self.has_lapsed or self.is_of_lost_time

    def _run(self):
        try:
            self._job()
        except (Ignore, Killed, LedgerUnavailable):
            return
        except UnknownConversion:
            assert self.is_of_lost_time


@dataclass(frozen=True)
class Told:
    """A caller has learned an outcome."""

    place: str
    state: State
    by: Task


@dataclass
class Saved:
    """All that Redis holds, and what the test knows of it."""

    rows: list
    at: float
    ids: list
    messages: list
    known: tuple


class Interleavings(RuleBasedStateMachine):
    """A fleet, a service and a broker that lose, repeat and delay whatever they can."""

    client = None
    workers_client = None
    raw = None
    clock = None
    bodies = None
    settings_of = None
    working = None
    hub = None

    def __init__(self):
        super().__init__()
        self.clock.begin()
        self.client.flushdb()
        self.client.set(NOW, self.clock.now_us)
        self.working["fleet"] = self
        self.current = None
        self.is_over = False
        self.hub = greenlet.getcurrent()
        self.broker = Broker(self)
        self.publisher = Publisher(self.broker, names.Queues())
        self.bells = Belfry(self.publisher)
        self.ledger = Ledger(self.client, self.bells)
        self.service = Service(self.clock, "takes", is_anycast=False)
        self.tasks = []
        self.ids = []
        self.accepted = 0
        self.attempts = {}
        self.permitted = defaultdict(lambda: {1})
        self.eras = defaultdict(int)
        self.eras_taken = {}
        self.called_back = set()
        self.ends = {}
        self.learned = defaultdict(list)
        self.told_in_vain = defaultdict(set)
        self.polled_at = {}
        self.saved = None
        self.rolled_back = set()
        self.may_cancel = False
        self.deleted = set()
        self.has_deadlines = False
        # Whether every message has come, and nobody was kept from doing what it had begun.
        self.is_undisturbed = True
        self.end = "well"
        self.posted, self.polled, self.stored = ("started",), ("truth",), ("stored",)
        self.rooms = (MOST,)
        self.most_jobs = 0
        self.draw: Callable[[tuple[str, ...]], str] = lambda choices: choices[0]
        self.services = self._hired(self.settings_of[False, True])
        index = Index(self.client, self.ledger.find_many)
        self.dead_letters = DeadLetters(self.ledger, index, Storage(), self.publisher)

    def _hired(self, given):
        client = self.workers_client
        ledger = WatchedLedger(client, self.bells)
        ledger.fleet = self
        # Its own was chosen before ours was put in its place.
        ledger.expected_durations = ExpectedDurations(client, self.clock.now)
        account = given.account_name
        governor = Governor(client, account, SPACING_S, self.most_jobs)
        turnstile = Turnstile(client, SPACING_S, LEASE_S)
        return Services(
            publisher=self.publisher,
            bells=self.bells,
            settings=given,
            ledger=ledger,
            index=None,
            staging=None,
            dialects=Dialects(ledger, account, given.dialects),
            governor=governor,
            turnstile=turnstile,
            deliveries=WatchedDeliveryLeases(client, self),
            claims=Claims(client, ledger, turnstile, governor, LIMITS.hold_s),
            heartbeat=None,
            notifier=None,
            crew=None,
            backend=None,
            api=Api(self),
            storage=Storage(),
            marker=Marker(),
            limits=SOON if self.most_jobs else LIMITS,
        )

    # -- what may happen ------------------------------------------------------------------------

    @initialize(
        repeats=st.sampled_from(REPEATS),
        is_anycast=st.sampled_from((False, False, False, True)),
        has_webhook=seldom,
        is_small=st.sampled_from((True, True, False)),
        most_jobs=st.sampled_from((0, 0, 1)),
        rooms=few(ROOMS),
        may_cancel=seldom,
        has_deadlines=seldom,
        end=st.sampled_from(("well", "well", "well", *ENDS)),
        faults=st.tuples(few(POST_FAULTS), few(POLL_FAULTS), few(STORE_FAULTS)),
        is_called_back=st.booleans(),
        times=st.integers(0, 3),
        data=st.data(),
    )
    def begin(
        self,
        *,
        repeats,
        is_anycast,
        has_webhook,
        is_small,
        most_jobs,
        rooms,
        may_cancel,
        has_deadlines,
        end,
        faults,
        is_called_back,
        times,
        data,
    ):
        self.posted, self.polled, self.stored = (
            (kind, *some) for kind, some in zip(("started", "truth", "stored"), faults, strict=True)
        )
        self.rooms = (MOST, *rooms)
        self.most_jobs = most_jobs
        self.service.repeats = repeats
        self.service.is_anycast = is_anycast
        self.services = self._hired(self.settings_of[has_webhook, is_small])
        if is_anycast:
            self.services.api.base_url = "https://v2.convertapi.com"
        # What is cancelled too early keeps the rest from happening.
        self.may_cancel = may_cancel
        self.has_deadlines = has_deadlines
        self.end = end
        self.accept(is_called_back)
        self.work(times, data)

    @precondition(lambda self: len(self.ids) < CONVERSIONS)
    @rule(is_called_back=st.booleans(), deadline_s=st.sampled_from(DEADLINES_S))
    def accept(self, is_called_back=False, deadline_s=None):
        # Not a random id: the order must be the same again.
        self.accepted += 1
        conversion_id = f"conversion-{self.accepted}"
        self.ids.append(conversion_id)
        if is_called_back:
            self.called_back.add(conversion_id)
        caller = Caller(callbacks=[{"task": "shop.next"}]) if is_called_back else None
        # What ends too early keeps the rest from happening.
        terms = Terms.of(deadline=deadline_s if self.has_deadlines else None)
        self.ledger.open(conversion_id, REQUEST, caller, terms=terms)

    @precondition(lambda self: self.broker.messages)
    @rule(
        age=age,
        fate=st.sampled_from(FATES),
        is_awaited=st.sampled_from((True, True, True, False)),
        hosts_clocks=hosts_clocks,
        steps_and_data=steps_and_data,
    )
    def message(self, age, fate, is_awaited, hosts_clocks, steps_and_data):
        """Any message, in any order, late or early, once, twice or never.

        A countdown is a time by the clock of who sends it, and ends by that of who has taken it.
        """
        messages = self.broker.messages
        place = -1 - age % len(messages)
        message = messages[place] if fate == "repeated" else messages.pop(place)
        if fate == "dropped":
            self.is_undisturbed = False
            return
        if is_awaited:
            self._pass(message.due_at + hosts_clocks[0] - hosts_clocks[1] - self.clock.now())
        self._work_off(self._begin(message, hosts_clocks[1]), *steps_and_data)

    @rule(times=st.integers(1, 4), data=st.data())
    def work(self, times, data):
        """All goes well with messages for a while, whatever is answered."""
        for _ in range(times):
            process = self._next_process()
            if process:
                self._work_off(process, TO_THE_END, data)

    @precondition(lambda self: self.accepted)
    @rule(
        steps=st.integers(1, 12),
        seconds=st.sampled_from((0.0, 16.0, 31.0, 31.0, 150.0)),
        times=st.integers(0, 4),
        dies=seldom,
        data=st.data(),
    )
    def overtake(self, steps, seconds, times, dies, data):
        """A process is stopped amid its work, others go on, and it comes back, or does not."""
        process = self._next_process()
        if process is None:
            return
        self._work_off(process, steps, data)
        if dies:
            self._kill(process)
        else:
            process.is_asleep = seconds > 0
        self._pass(seconds)
        self.work(times, data)
        self._work_off(process, TO_THE_END, data)

    @precondition(lambda self: self.tasks)
    @rule(age=age, steps_and_data=steps_and_data)
    def go_on(self, age, steps_and_data):
        self._go_on(self.tasks[-1 - age % len(self.tasks)], *steps_and_data)

    @precondition(lambda self: self.tasks)
    @rule(place=pick, is_meant=seldom, comes_again=seldom)
    def crash(self, place, is_meant, comes_again):
        """A process is killed: its sockets are closed, its lease stays."""
        if is_meant:
            process = self.tasks[place % len(self.tasks)].process
            self._kill(process)
            if comes_again:
                self.broker.messages.append(process.message)

    @precondition(lambda self: any(not task.process.is_asleep for task in self.tasks))
    @rule(place=pick, seconds=st.sampled_from((16.0, 31.0)))
    def sleep(self, place, seconds):
        """A process is stopped for a while, and its heart with it."""
        self.tasks[place % len(self.tasks)].process.is_asleep = True
        self._pass(seconds)

    @precondition(lambda self: self.tasks)
    @rule(age=age, when=st.sampled_from(("before", "after")), is_meant=seldom)
    def cut_off(self, age, when, is_meant):
        """Redis is away for a process's next command: it has run it, or has not."""
        if is_meant:
            self.tasks[-1 - age % len(self.tasks)].cut_off = when

    @rule(seconds=st.sampled_from((1.0, 6.0, 16.0, 16.0, 31.0, 31.0, 125.0, 125.0, 700.0, 4000.0)))
    def time_passes(self, seconds):
        self._pass(seconds)

    @precondition(lambda self: not self.broker.messages)
    @rule(waits=st.booleans())
    def sweep(self, waits):
        self._sweep(waits=waits)

    @precondition(lambda self: self.client.zcard(KEYS.deadlines))
    @rule()
    def end_late(self):
        """A worker ends what has not begun by its deadline."""
        end_late()

    @precondition(lambda self: self.ids and len(self.broker.messages) < MANY_MESSAGES)
    @rule(place=pick, kind=st.sampled_from((*KINDS, "")))
    def hint(self, place, kind):
        """Somebody rings, or has a conversion delivered, for no reason (I6)."""
        if kind:
            self.bells.ring(kind, 0, 0)
        else:
            entry = self.ledger.find(self.ids[place % len(self.ids)])
            if entry is not None:
                bells.deliver(self.publisher, entry)

    @precondition(lambda self: self._running())
    @rule(place=pick, end=st.sampled_from(("finished", "finished", "failed", "forgotten")))
    def job_ends(self, place, end):
        job_id, job = self._running()[place % len(self._running())]
        if end != "forgotten":
            job.state = end
        elif self._may_forget(job):
            self._forget(job_id, job)

    @precondition(lambda self: self.service.held)
    @rule(place=pick, is_lost=seldom)
    def gateway(self, place, is_lost):
        """A gateway delivers what it holds, or drops it."""
        held = self.service.held[place % len(self.service.held)]
        if is_lost:
            self.service.held.remove(held)
        else:
            self.service.let_through(held)

    @precondition(lambda self: self.ids and self.attempts)
    @rule(place=pick, is_its_own=st.sampled_from((True, True, False)))
    def webhook(self, place, is_its_own):
        """The service calls: early, late, again, or for a job that nobody knows."""
        conversion_id = self.ids[place % len(self.ids)]
        before = self.ledger.find(conversion_id)
        own = before.job_id if is_its_own and before is not None else "another"
        self.ledger.job_ended(conversion_id, own)
        after = self.ledger.find(conversion_id)
        if before is None:
            assert after is None
            return
        assert replace(after, webhook_received=before.webhook_received) == before, "I6: a hint"
        if is_its_own and before.state is State.CONVERTING:
            assert after.webhook_received, "it is remembered"

    @precondition(lambda self: self.may_cancel and self.ids)
    @rule(place=pick, is_meant=seldom)
    def cancel(self, place, is_meant):
        if is_meant:
            entry = self.ledger.find(self.ids[place % len(self.ids)])
            if entry is not None:
                cancel(self.publisher, self.ledger, entry)

    @precondition(lambda self: self.may_cancel and self.ids)
    @rule(place=pick, is_meant=seldom)
    def delete(self, place, is_meant):
        if is_meant:
            conversion_id = self.ids[place % len(self.ids)]
            with self._erasing(conversion_id):
                delete(self.publisher, self.ledger, conversion_id)
            self.deleted.add(conversion_id)
            with pytest.raises(ConversionDeleted):
                self.ledger.get(conversion_id)

    @precondition(lambda self: self.deleted)
    @rule(place=pick)
    def erase(self, place):
        """The eraser comes to one."""
        self._erase(sorted(self.deleted)[place % len(self.deleted)])

    def _erase(self, conversion_id):
        entry = self.ledger.find(conversion_id)
        if entry is not None:
            assert entry.deleted_at is not None, "it is not forgotten"
            if not entry.state.is_final:
                cancel(self.publisher, self.ledger, entry)
            with self._erasing(conversion_id):
                erase(self.ledger, entry)

    @contextmanager
    def _erasing(self, conversion_id):
        """What is erased was told before, unless Redis has lost that."""
        before = self.ledger.find(conversion_id)
        yield
        if before is not None and self.ledger.find(conversion_id) is None:
            self._was_told(conversion_id, before.state)

    def _was_told(self, conversion_id, state):
        told = self.learned[conversion_id, self.eras[conversion_id]]
        untold = set(self._places(conversion_id, state)) - {each.place for each in told}
        # Redis may lose what was told while the one who told it goes on to note that.
        untold -= self.told_in_vain[conversion_id, state]
        assert {each.state for each in told} <= {state}, "I2: which"
        assert not untold, "I2"

    @precondition(lambda self: self.client.zcard(KEYS.dead))
    @rule(place=pick)
    def replay(self, place):
        dead = self.client.zrange(KEYS.dead, 0, -1)
        self._replay(dead[place % len(dead)])

    @precondition(lambda self: self.service.repeats != "takes" and self._is_later())
    @rule()
    def save(self):
        """What Redis holds now is what another that takes over will have."""
        self._save()

    @precondition(lambda self: self.saved and self._is_later(MOST_LOST_S))
    @rule(loses_messages=st.booleans())
    def lose_writes(self, loses_messages):
        """Redis is switched, and the last writes are lost. The service keeps what it has."""
        self._roll_back(loses_messages=loses_messages)

    # -- what must be true, always --------------------------------------------------------------

    @invariant()
    def nothing_is_paid_twice(self):
        for conversion_id, job_ids in self.service.charged.items():
            paid = Counter(self.attempts[job_id][1] for job_id in job_ids)
            assert set(paid) <= self.permitted[conversion_id], "I1: nobody asked for another job"
            assert all(count == 1 for count in paid.values()), "I1: one job is paid once"

    @invariant()
    def nothing_is_out_of_sight(self):
        for conversion_id, seen in self._looked_at().items():
            if seen["state"] == DELETED:
                assert conversion_id in self.deleted
                assert not seen["due"], "nothing begins again under its id"
                assert self.client.hlen(KEYS.conversion(conversion_id)) <= len(OF_TOMBSTONES)
                continue
            state = State(seen["state"])
            life = (conversion_id, self.eras[conversion_id])
            if state.is_final:
                assert self.ends.setdefault(life, state) == state, "one outcome"
                self._speaks_the_truth(conversion_id, int(seen["attempt"]), seen["failure"] or "")
            if seen["delivered"] != "1":
                assert list(seen["due"]) == [_kind_of(state)], "I2: claimed some time, in one way"
                assert seen["ttl_s"] == -1, "I2: kept"
            if state is State.CONVERTING and seen["webhook_received"] == seen["confirmed"] == "1":
                self._is_called_for(seen)
            if _kind_of(state) != "deliver" and not self.eras[conversion_id]:
                self._is_left_alone(_kind_of(state), seen)

    def _looked_at(self):
        fields = ("state", "delivered", "attempt", "failure", "webhook_received", "confirmed")
        with self.client.pipeline(transaction=False) as pipeline:
            for conversion_id in self.ids:
                pipeline.hmget(KEYS.conversion(conversion_id), *fields)
                pipeline.ttl(KEYS.conversion(conversion_id))
                pipeline.get(KEYS.turnstile(conversion_id))
                pipeline.zscore(LAPSES, KEYS.turnstile(conversion_id))
                for key in KEYS.all_due:
                    pipeline.zscore(key, conversion_id)
            found = pipeline.execute()
        seen = {}
        for conversion_id, *row in zip(self.ids, *(found[n::7] for n in range(7)), strict=True):
            values, ttl_s, holder, lapses_at, *due = row
            dates = {kind: at for kind, at in zip(KINDS, due, strict=True) if at is not None}
            rest = {"ttl_s": ttl_s, "holder": holder, "lapses_at": lapses_at, "due": dates}
            seen[conversion_id] = dict(zip(fields, values, strict=True)) | rest
        return seen

    def _is_called_for(self, seen):
        """What the service has called for is polled as soon as the turnstile allows."""
        holder, opens_at = self._turnstile(seen)
        # Whoever is in looks again when it has its answer; if it has died, its lease ends first.
        # Whoever notes an answer after its lease keeps the spacing, though the turnstile is open.
        if holder in (None, "left"):
            spare_s = 0.1 if holder else SPACING_S + 0.1
            assert seen["due"]["poll"] <= opens_at + spare_s, "it was called for"

    def _is_left_alone(self, kind, seen):
        """Nobody is sent after what somebody works on."""
        holder, opens_at = self._turnstile(seen)
        if holder not in (None, "left"):
            assert seen["due"][kind] >= opens_at, "its date is the end of the lease"

    def _turnstile(self, seen):
        """Who is in, and until when at most."""
        opens_at = (seen["lapses_at"] or 0) / 1000
        if opens_at <= self.clock.now():
            return None, self.clock.now()
        return seen["holder"], opens_at

    @invariant()
    def no_mark_keeps_the_bells_still(self):
        """What is due is rung for again, should a bell be lost."""
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.keys(KEYS.bell("*"))
            pipeline.zrange(LAPSES, 0, -1, withscores=True)
            marks, lapses = pipeline.execute()
        at = dict(lapses)
        latest = (self.clock.now() + MOST_QUIET_S) * 1000
        assert all(at.get(mark, latest) < latest for mark in marks), "I2: rung for, some time"

    @invariant()
    def no_account_has_more_jobs_than_it_may(self):
        if self.most_jobs:
            jobs = self.ledger.find_many(sorted(self.client.smembers(self._jobs)))
            # A replay that asks for an old job begins none.
            assert len([job for job in jobs if not job.asking]) <= self.most_jobs

    @property
    def _jobs(self):
        return KEYS.jobs(self.services.governor.account)

    @precondition(lambda self: self.is_undisturbed and not self.tasks)
    @invariant()
    def what_is_due_has_its_bell(self):
        """Where nothing was lost nobody waits for the sweep."""
        account = self.client.hgetall(KEYS.account(self.services.governor.account))
        # The end of a hold is left to the sweep.
        is_held = not {"denied", "no balance"}.isdisjoint(self.posted)
        for entry in self.ledger.find_many(self.ids):
            kind = _kind_of(entry.state)
            is_kept = kind == "submit" and (is_held or account.keys() & {"rate", "full"})
            if entry.state.is_final or entry.state is State.READY or is_kept:
                continue
            due = max(self.client.zscore(KEYS.due(kind), entry.id), self.clock.now())
            if due < self.clock.now() + 60 and (not entry.webhook or entry.webhook_received):
                assert self._has_bell(kind, due), f"a bell for {kind}"

    def _has_bell(self, kind, due):
        # Where the crew is at work the bell comes again.
        latest = due + SLOT_S + 0.01 + (PATIENCE_S if 0 in self.rooms else 0)
        return any(
            message.name == TASK_OF[kind] and message.due_at <= latest
            for message in self.broker.messages
        )

    def _speaks_the_truth(self, conversion_id, attempt, failure):
        """What may have been paid is never called unpaid; what was lost nobody can know."""
        job_ids = self.service.charged[conversion_id]
        paid = [job_id for job_id in job_ids if self.attempts[job_id][1] == attempt]
        if paid and conversion_id not in self.rolled_back:
            assert "othing was paid" not in failure, "I1: it was"
            assert "othing should be paid" not in failure, "I1: it was"
        if failure and json.loads(failure)["kind"] == "input":
            known = [self.service.jobs[job_id] for job_id in paid if job_id in self.service.jobs]
            assert all(job.state == "failed" for job in known), "I1: a paid job is buried"

    def teardown(self):
        try:
            if sys.exc_info()[0] is None:
                self._come_to_rest()
        finally:
            self.is_over = True
            self._kill_all()

    def _come_to_rest(self):
        """Nothing gets worse: every conversion ends in time, and its caller learns how."""
        wanted = ENDS[self.end]
        self.draw = lambda choices: next((it for it in wanted if it in choices), choices[0])
        if self.end != "well":
            self.posted, self.polled = ("started", *POST_FAULTS), ("truth", *POLL_FAULTS)
        self._kill_all()
        round_s = 160.0 if self.end == "well" else 2500.0
        for number in range(ROUNDS):
            if not self.broker.messages and not self._first_due() and not self._unerased():
                break
            self._pass(round_s)
            # The first rounds find what was left to itself for too long.
            if number > 1:
                self._is_in_time(2 * round_s)
            self._one_round()
        entries = self.ledger.find_many(self.ids)
        states = {entry.id: entry.state for entry in entries}
        assert all(state.is_final for state in states.values()), f"I2: {states}"
        assert not self._first_due(), "I2: its caller knows"
        assert self.client.scard(self._jobs) == 0, "its place among the jobs is free"
        assert not self._unerased(), "what is deleted is erased"
        assert states.keys() | self.deleted >= set(self.ids)
        assert self.client.zcard(KEYS.deadlines) == 0, "what has ended has no deadline"
        for conversion_id, state in states.items():
            self._was_told(conversion_id, state)
            paid = conversion_id in self.service.ever_charged
            assert paid or state is not State.SUCCEEDED, "nothing comes from nothing"
        self.nothing_is_paid_twice()
        self.nothing_is_out_of_sight()

    def _unerased(self):
        """Those of which more is left than a tombstone."""
        return [each for each in sorted(self.deleted) if self.ledger.find(each) is not None]

    def _is_in_time(self, slack_s):
        for entry in self.ledger.find_many(self.ids):
            if entry.state is State.CONVERTING:
                assert entry.job_age_s < LIMITS.job_s + slack_s, "I2: beyond its deadline"

    def _one_round(self):
        if self.end != "running":
            for _, job in self._running():
                job.state = "finished"
        for conversion_id in self._unerased():
            self._erase(conversion_id)
        end_late()
        self._sweep()
        messages, self.broker.messages = self.broker.messages, []
        for message in messages:
            process = self._begin(message)
            while process.tasks:
                self._advance(process.tasks[0])

    def _first_due(self):
        """When the next conversion is due, None where none is."""
        found = [self.client.zrange(key, 0, 0, withscores=True) for key in KEYS.all_due]
        return min((first[0][1] for first in found if first), default=None)

    # -- the fleet ------------------------------------------------------------------------------

    def _begin(self, message, skew_s=0.0):
        return Process(self, message, skew_s)

    def _next_process(self):
        """One that works off the next message, in time; None where there is none."""
        if not self.broker.messages:
            self._sweep(waits=True)
        if not self.broker.messages:
            return None
        message = min(self.broker.messages, key=lambda message: message.due_at)
        self.broker.messages.remove(message)
        self._pass(message.due_at - self.clock.now())
        return self._begin(message)

    def _work_off(self, process, steps, data):
        self.draw = lambda choices: data.draw(st.sampled_from(choices))
        for _ in range(steps):
            if not process.tasks:
                break
            self._advance(process.tasks[0])

    def _go_on(self, task, steps, data):
        self.draw = lambda choices: data.draw(st.sampled_from(choices))
        for _ in range(steps):
            if task not in self.tasks:
                break
            self._advance(task)

    def _advance(self, task):
        """Let a task run to its next stop, or those that it waits for."""
        task.process.is_asleep = False
        said = self._switch(task)
        while isinstance(said, tuple):
            said = self._switch(task, self.draw(said))
        if said == WAITS:
            self._advance(
                next(other for other in task.process.tasks if other.greenlet and not other.waits)
            )
        if task.greenlet.dead:
            self.tasks.remove(task)

    def _switch(self, task, *given):
        self.current, self.clock.skew_s = task, task.process.skew_s
        try:
            return task.greenlet.switch(*given)
        finally:
            self.current, self.clock.skew_s = None, 0.0

    def _kill(self, process):
        self.is_undisturbed = False
        for task in process.tasks:
            self.tasks.remove(task)
            task.is_dead = True
            if task.greenlet:
                self.current = task
                task.greenlet.throw(Killed)
                self.current = None

    def _kill_all(self):
        while self.tasks:
            self._kill(self.tasks[0].process)

    def stop(self, said=None):
        """Where a task may be stopped, or killed; nothing where none runs."""
        task = self.current
        if task is None:
            return
        if not task.is_dead and not self.is_over:
            task.greenlet.parent.switch(said)
        if task.is_dead or self.is_over:
            raise Killed

    def wait(self):
        """Where a task can't go on before another of its process has."""
        task = self.current
        task.waits = True
        try:
            self.stop(WAITS)
        finally:
            task.waits = False

    def ask(self, choices):
        """Have the test say what happens to the task that runs."""
        return self.current.greenlet.parent.switch(choices)

    def caller_learns(self, entry, place):
        self.stop()
        task = self.current
        current = self.ledger.find(entry.id)
        if task.is_of_lost_time and (current is None or not current.state.is_final):
            self.told_in_vain[entry.id, entry.state].add(place)
            return
        told = self.learned[entry.id, task.era]
        before = [each.by for each in told if each.place == place]
        if not task.was_interrupted:
            assert all(other.was_interrupted for other in before), "I2: told once"
        told.append(Told(place, entry.state, task))

    def _places(self, conversion_id, state):
        """What is told of an outcome: to the next task, and to whoever waits for the result."""
        is_gone_on_with = conversion_id in self.called_back and state is State.SUCCEEDED
        return ("link:0", "result") if is_gone_on_with else ("result",)

    def at_redis(self, commands, execute):
        """Where a task asks Redis something, which may be away; its process is then late."""
        self.stop()
        task = self.current
        when = task.cut_off if task else ""
        if when == "before":
            self._cut(task)
        for command in commands:
            self._note_taken(*command)
        answer = execute()
        if when:
            self._cut(task)
        return answer

    def _cut(self, task):
        self.is_undisturbed, task.cut_off = False, ""
        # Others of its process may have asked in the same breath.
        for other in task.process.tasks:
            other.has_lapsed = True
        raise redis.ConnectionError("it is away")

    def _note_taken(self, name, *args):
        """Of which life the result is that a transition notes, and has delivered at once."""
        if name == "EVALSHA" and '"take"' in str(args[-2]):
            token = json.loads(args[-2])["take"]["token"]
            self.eras_taken[token] = self.eras[args[-4]]

    @contextmanager
    def under_way(self, method, job_id):
        task, sent_at = self.current, self.clock.now()
        task.under_way = UnderWay(method, job_id)
        try:
            yield lambda: self.clock.now() - sent_at > self.services.settings.answer_timeout_seconds
        finally:
            task.under_way = None

    def poll_begins(self, job_id):
        """One at a time, none while the job is posted, and the spacing between two."""
        for task in self.tasks:
            other = task.under_way
            if task is not self.current and task.lives and other and other.job_id == job_id:
                raise AssertionError(f"I3: a {other.method} of the job is under way")
        since_s = self.clock.now() - self.polled_at.get(job_id, float("-inf"))
        assert since_s >= SPACING_S, "I3: the spacing is kept"

    def poll_ends(self, job_id):
        # Of one that slept over its answer the service has long been rid.
        if not self.current.was_interrupted:
            self.polled_at[job_id] = self.clock.now()

    # -- time and the world ---------------------------------------------------------------------

    def _pass(self, seconds):
        """Time passes: what is on record grows older, and whoever lives speaks for its work."""
        if seconds > 0 and self.tasks:
            self.is_undisturbed = False
        while seconds > 0:
            living = {task.process for task in self.tasks if task.lives}
            step_s = min(seconds, BEAT_S) if living else seconds
            seconds -= step_s
            self.clock.now_us += round(step_s * 1e6)
            self.client.set(NOW, self.clock.now_us)
            for process in living:
                process.heartbeat.beat()
            for task in self.tasks:
                task.has_lapsed |= bool(task.works) and not task.lives
            for job_id in self.service.grow_older():
                self._forgive(job_id)

    def _sweep(self, *, waits=False):
        first = self._first_due()
        if waits and first:
            self._pass(first + GRACE_S - self.clock.now() + 0.01)
        sweep()

    def _running(self):
        return [item for item in self.service.jobs.items() if item[1].state == "running"]

    def _may_forget(self, job):
        """The service forgets in its own time; before that, only what we have seen alive."""
        if self.clock.now() - job.arrived_at > FORGETS_S:
            return True
        entry = self.ledger.find(job.conversion_id)
        # What Redis may lose is what we have seen.
        return self.service.repeats == "takes" and entry is not None and entry.confirmed

    def _forget(self, job_id, job):
        del self.service.jobs[job_id]
        self._forgive(job_id)

    def _forgive(self, job_id):
        """Redis has lost the POST and the service the job: nobody knows that it has been paid."""
        for conversion_id in self.rolled_back:
            if job_id in self.service.charged[conversion_id]:
                self.service.charged[conversion_id].remove(job_id)

    def _replay(self, conversion_id):
        before = self.ledger.find(conversion_id)
        self.eras[conversion_id] += 1
        self.dead_letters.replay(conversion_id)
        after = self.ledger.find(conversion_id)
        if after.attempt > before.attempt:
            self.permitted[conversion_id].add(after.attempt)

    def _save(self):
        names = sorted(self.raw.keys())
        with self.raw.pipeline() as pipeline:
            for name in names:
                pipeline.dump(name)
                pipeline.pttl(name)
            found = pipeline.execute()
        rows = [
            (name, max(found[2 * place + 1], 0), found[2 * place])
            for place, name in enumerate(names)
        ]
        known = (dict(self.eras), dict(self.ends), {k: list(v) for k, v in self.learned.items()})
        self.saved = Saved(
            rows, self.clock.now(), list(self.ids), list(self.broker.messages), known
        )

    def _is_later(self, most_s=float("inf")):
        """Whether time has passed since what Redis holds was saved, and not too much."""
        return self.saved is None or 0 < self.clock.now() - self.saved.at < most_s

    def _roll_back(self, *, loses_messages):
        saved, self.is_undisturbed = self.saved, False
        with self.raw.pipeline() as pipeline:
            pipeline.flushdb()
            for row in saved.rows:
                pipeline.restore(*row)
            pipeline.execute()
        self.client.set(NOW, self.clock.now_us)
        self.rolled_back.update(self.ids)
        self.ids = list(saved.ids)
        # What was deleted since is there again: nobody can know of that.
        self.deleted = {each for each in self.ids if self.ledger.deletion(each) is not None}
        if loses_messages:
            self.broker.messages = list(saved.messages)
        eras, ends, learned = saved.known
        for (conversion_id, _), them in self.learned.items():
            for each in them:
                if each.by in self.tasks:
                    self.told_in_vain[conversion_id, each.state].add(each.place)
        self.eras = defaultdict(int, eras)
        self.ends = dict(ends)
        self.learned = defaultdict(list, {life: list(them) for life, them in learned.items()})
        # The turnstiles are those of then.
        self.polled_at.clear()
        for task in self.tasks:
            task.is_of_lost_time, task.under_way = True, None


def _kind_of(state):
    """What is due of a conversion."""
    return {State.QUEUED: "submit", State.CONVERTING: "poll"}.get(state, "deliver")


def _steps_by(working):
    """Of telling a caller: it learns the outcome."""

    def steps(_to, entry):
        fleet = working["fleet"]
        return [
            canvas.Step(place, partial(fleet.caller_learns, entry, place))
            for place in fleet._places(entry.id, entry.state)
        ]

    return steps


def _raise_again(_engine, _what):
    """Nothing unexpected is expected."""
    raise sys.exc_info()[1]


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    clocks.put(monkeypatch, "time", made.time)
    clocks.put(monkeypatch, "monotonic", made.now)
    return made


@pytest.fixture
def machine(app, client, redis_url, clock, monkeypatch):
    """A machine over this Valkey, with the real tasks."""
    from tasks import deliver, poll, submit  # noqa: PLC0415 - not before the environment is set

    working = {}
    monkeypatch.setattr("workers.base.wired", lambda: working["fleet"].current.process.services)
    monkeypatch.setattr("workers.sweep.wired", lambda: working["fleet"].services)
    monkeypatch.setattr("workers.deadlines.wired", lambda: working["fleet"].services)
    monkeypatch.setattr("conveyor.ledger.together.Lock", partial(TurnLock, working))
    # What the crew raises would be counted, and tried again.
    monkeypatch.setattr("workers.claiming.stumble", _raise_again)
    monkeypatch.setattr("workers.claiming.put_aside", _raise_again)
    monkeypatch.setattr("workers.storing._fetch_one", _fetch_one_by(working))
    monkeypatch.setattr(reporting, "steps_of", _steps_by(working))
    given = {
        "api_url": Api.base_url,
        "api_secret": "a-secret",
        "broker_url": redis_url,
        "storage_url": "/tmp/none",
        "api_dialect": "path",
        "job_key": "k" * 32,
    }
    called = {"webhook_url": "https://shop.example.com/webhooks", "webhook_key": "w" * 32}

    class Machine(Interleavings):
        pass

    Machine.client = client
    Machine.clock = clock
    Machine.working = working
    Machine.bodies = {
        names.SUBMIT: submit.submit,
        names.POLL: poll.poll,
        names.DELIVER: deliver.deliver,
    }
    # What is not small is delivered by a message of its own.
    sizes = {True: {}, False: {"small_bytes": 0}}
    Machine.settings_of = {
        (has_webhook, is_small): load(
            WorkerSettings, **given, **(called if has_webhook else {}), **sizes[is_small]
        )
        for has_webhook in (False, True)
        for is_small in (False, True)
    }
    with closing(connect(redis_url)) as workers, closing(redis.Redis.from_url(redis_url)) as raw:
        _put_under_our_clock(client, workers)
        _stop_before_each_command(workers, working)
        Machine.workers_client, Machine.raw = workers, raw
        yield Machine


def _put_under_our_clock(*clients):
    for client in clients:
        register, pipeline = client.register_script, client.pipeline
        client.register_script = cache(partial(_under_our_clock, register))
        client.time = partial(client.eval, UNDER_OUR_CLOCK + TELL_TIME, 0)
        client.pipeline = partial(_pipeline, pipeline)


def _under_our_clock(register, text):
    made = register(UNDER_OUR_CLOCK + text)
    # Or the first run would stop more often than the others.
    made.registered_client.script_load(made.script)
    return made


def _pipeline(make, *args, **options):
    made = make(*args, **options)
    made.time = partial(made.eval, UNDER_OUR_CLOCK + TELL_TIME, 0)
    return made


def _stop_before_each_command(client, working):
    execute, pipeline = client.execute_command, client.pipeline

    def stopping(*args, **options):
        return working["fleet"].at_redis([args], partial(execute, *args, **options))

    client.execute_command = stopping
    client.pipeline = partial(_stopping_pipeline, pipeline, working)


def _stopping_pipeline(make, working, *args, **options):
    made = make(*args, **options)
    execute = made.execute

    def stopping(**options):
        commands = [command for command, _ in made.command_stack]
        return working["fleet"].at_redis(commands, partial(execute, **options))

    made.execute = stopping
    return made


def _fetch_one_by(working):
    def fetch_one(*_):
        fleet = working["fleet"]
        fleet.stop()
        how = fleet.ask(fleet.stored)
        if how == "away":
            raise StorageError("the storage is away")
        if how == "service away":
            raise Unclear("the download broke off")
        return Fetched(FILE)

    return fetch_one


@pytest.mark.large
@pytest.mark.timeout(3600)
def test_interleavings(machine):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            # The same runs each time; more of them, and others, by the option above.
            derandomize=RUNS <= DEFAULT_RUNS,
        ),
    )


def _run_all(fleet, *, but=None):
    """Run what waits, each to its end."""
    messages, fleet.broker.messages = fleet.broker.messages, []
    for message in messages:
        fleet._begin(message)
    while running := [task for task in fleet.tasks if task is not but]:
        fleet._advance(running[0])


@pytest.mark.parametrize("answer", ["throttled", "lost", "closed before", "denied"])
def test_late_write_of_a_sleeping_worker_changes_nothing(machine, answer):
    """Its POST has started nothing; meanwhile that was found out, and another has posted."""
    fleet = machine()
    fleet.accept()
    fleet.posted = (answer,)
    process = fleet._begin(fleet.broker.messages.pop())
    while not process.tasks[-1].under_way:
        fleet._advance(process.tasks[-1])
    sleeper = process.tasks[-1]
    fleet._advance(sleeper)
    assert not sleeper.under_way, "it has its answer, and has noted nothing"
    process.is_asleep = True
    fleet.posted = ("started",)
    while not fleet.service.charged:
        fleet._sweep(waits=True)
        _run_all(fleet, but=sleeper)
    begun = fleet.ledger.get(fleet.ids[0])
    assert begun.confirmed

    while sleeper in fleet.tasks:
        fleet._advance(sleeper)

    assert fleet.ledger.get(fleet.ids[0]) == begun
    fleet.teardown()
    assert [entry.state for entry in fleet.ledger.find_many(fleet.ids)] == [State.SUCCEEDED]
    assert [len(jobs) for jobs in fleet.service.charged.values()] == [1]


@pytest.mark.parametrize("repeats", ["409", "400", "first"])
def test_job_after_lost_write_is_found_by_its_id_and_paid_once(machine, repeats):
    fleet = machine()
    fleet.service.repeats = repeats
    fleet.accept()
    fleet._save()
    _run_all(fleet)
    assert fleet.ledger.get(fleet.ids[0]).confirmed

    fleet._roll_back(loses_messages=True)

    assert fleet.ledger.get(fleet.ids[0]).state is State.QUEUED
    fleet.teardown()
    assert [entry.state for entry in fleet.ledger.find_many(fleet.ids)] == [State.SUCCEEDED]
    assert [len(jobs) for jobs in fleet.service.charged.values()] == [1]


def test_place_of_a_dead_workers_job_is_used_again(machine):
    """Others were accepted before its lease ends: they must not wait for it, and it for them."""
    fleet = machine()
    fleet.most_jobs = 1
    fleet.services = fleet._hired(fleet.settings_of[False, True])
    fleet.accept()
    fleet.accept()
    process = fleet._begin(fleet.broker.messages.pop())
    while len(process.tasks) == 1:
        fleet._advance(process.tasks[0])
    fleet._kill(process)
    assert fleet.client.scard(fleet._jobs) == 1

    fleet.teardown()

    assert {entry.state for entry in fleet.ledger.find_many(fleet.ids)} == {State.SUCCEEDED}


def test_patience_of_what_is_put_off_again_and_again_counts_though_others_wait_for_a_place(machine):
    fleet = machine()
    fleet.most_jobs = 1
    fleet.services = fleet._hired(fleet.settings_of[False, True])
    fleet.accept()
    fleet.accept()
    claims, tries = fleet.services.claims, 10
    for _ in range(2 * tries):
        (passed,) = claims.submits(MOST).passes
        assert claims.submits(MOST).admission.reason == "full"
        fleet.ledger.submit_later(passed.entry, 15.0, "its source is away", leaving=passed.leaving)
        fleet._pass(16.0)

    waited_s = [entry.waiting_s for entry in fleet.ledger.find_many(fleet.ids)]
    # Of each 32 s it has waited 17 for a place, which do not count.
    assert all(tries * 14 < seconds < tries * 18 for seconds in waited_s), waited_s


def test_worker_that_slept_after_its_claim_polls_no_more(machine):
    """Another polls by then: I3."""
    fleet = machine()
    fleet.accept()
    _run_all(fleet)
    sleeper = _begun_poll(fleet)
    sleeper.process.is_asleep = True
    fleet._sweep(waits=True)
    other = _begun_poll(fleet)
    while not other.under_way:
        fleet._advance(other)

    while sleeper in fleet.tasks:
        fleet._advance(sleeper)

    assert other.under_way
    while other in fleet.tasks:
        fleet._advance(other)
    assert [entry.polls for entry in fleet.ledger.find_many(fleet.ids)] == [1]


def _begun_poll(fleet):
    """The task that is about to poll what a bell has brought."""
    fleet._pass(fleet.broker.messages[-1].due_at - fleet.clock.now())
    process = fleet._begin(fleet.broker.messages.pop())
    while len(process.tasks) == 1 and process.tasks[0] in fleet.tasks:
        fleet._advance(process.tasks[0])
    return process.tasks[-1]


def test_answer_that_is_noted_after_its_lease_is_followed_by_the_spacing(machine):
    """Though the service has called meanwhile, and the turnstile is open."""
    fleet = machine()
    fleet.accept()
    _run_all(fleet)
    (conversion_id,) = fleet.ids
    sleeper = _begun_poll(fleet)
    while not sleeper.under_way:
        fleet._advance(sleeper)
    sleeper.process.is_asleep = True
    fleet._pass(LEASE_S + 1)
    fleet.ledger.job_ended(conversion_id, fleet.ledger.get(conversion_id).job_id)
    fleet.nothing_is_out_of_sight()

    while sleeper in fleet.tasks:
        fleet._advance(sleeper)

    entry = fleet.ledger.get(conversion_id)
    assert (entry.state, entry.webhook_received, entry.polls) == (State.CONVERTING, True, 1)
    fleet.nothing_is_out_of_sight()
    due_s = fleet.client.zscore(KEYS.due("poll"), conversion_id) - fleet.clock.now()
    assert due_s == pytest.approx(SPACING_S, abs=0.1)


def test_heart_of_a_delivery_leaves_the_date_of_the_next_poll_as_it_is(machine):
    """A message to deliver may come too early, and an old delivery may still be at work."""
    fleet = machine()
    fleet.accept()
    _run_all(fleet)
    (conversion_id,) = fleet.ids
    due = fleet.client.zscore(KEYS.due("poll"), conversion_id)
    lease = DeliveryLeases(fleet.client, LEASE_S).acquire(conversion_id)

    fleet.ledger.renew_leases([Renewal(conversion_id, "delivery", lease.token)], LEASE_S)

    assert fleet.client.zscore(KEYS.due("poll"), conversion_id) == due


def test_worker_that_slept_between_intent_and_post_sends_nothing(machine):
    """Others may have taken it for dead, and ask for its job by now: I1."""
    fleet = machine()
    fleet.accept()
    process = fleet._begin(fleet.broker.messages.pop())
    while not fleet.ledger.get(fleet.ids[0]).job_id:
        fleet._advance(process.tasks[-1])
    process.is_asleep = True
    fleet._pass(11.0)

    while process.tasks:
        fleet._advance(process.tasks[-1])

    assert not any(fleet.service.charged.values())
    fleet.teardown()
    assert [entry.state for entry in fleet.ledger.find_many(fleet.ids)] == [State.SUCCEEDED]
    assert [len(jobs) for jobs in fleet.service.charged.values()] == [1]


def test_intent_that_redis_loses_during_the_post_is_recorded_again_with_its_answer(machine):
    fleet = machine()
    fleet.service.repeats = "409"
    fleet.accept()
    fleet._save()
    process = fleet._begin(fleet.broker.messages.pop())
    while not process.tasks[-1].under_way:
        fleet._advance(process.tasks[-1])
    fleet._roll_back(loses_messages=False)
    assert fleet.ledger.get(fleet.ids[0]).state is State.QUEUED

    while process.tasks:
        fleet._advance(process.tasks[-1])

    assert fleet.ledger.get(fleet.ids[0]).confirmed
    fleet.teardown()
    assert [entry.state for entry in fleet.ledger.find_many(fleet.ids)] == [State.SUCCEEDED]
    assert [len(jobs) for jobs in fleet.service.charged.values()] == [1]


def test_conversion_that_misses_its_deadline_amid_its_submit_is_cancelled_and_not_posted(machine):
    fleet = machine()
    fleet.has_deadlines = True
    fleet.accept(is_called_back=True, deadline_s=20.0)
    process = fleet._begin(fleet.broker.messages.pop())
    for _ in range(2):
        fleet._advance(process.tasks[-1])
    fleet._pass(31.0)
    end_late()
    _run_all(fleet)

    fleet.teardown()
    (entry,) = fleet.ledger.find_many(fleet.ids)
    assert (entry.state, entry.failure.reason) == (State.CANCELLED, "missed_deadline")
    assert not any(fleet.service.charged.values())
