"""Random interleavings of wake-ups, answers, crashes and lost messages: I1, I2 and I3.

The ledger's and the turnstile's scripts are the real ones, on a real Valkey; so are the decisions,
the schedule and the wake-ups. The service and the broker are models. A task is a generator that
stops wherever its process may be stopped or killed: before and after each request, and before each
message. What it does between two stops is what the task of the same name does.

Time passes when a rule says so, and not by itself: a run can be repeated, and no test sleeps.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest
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

from conveyor import State, names, schedule, wakeups
from conveyor.conversion import StoredFile
from conveyor.decision import (
    AskFirst,
    Bury,
    Expire,
    Hold,
    Keep,
    PollAgain,
    SubmitAgain,
    Taken,
    after_poll,
    after_submit,
)
from conveyor.ledger import Job, Ledger, keys
from conveyor.protocol import Dialect, RemoteFile, Result
from conveyor.protocol.outcomes import (
    Busy,
    Failed,
    Finished,
    InProgress,
    Lost,
    NotFound,
    Started,
    Throttled,
    Unsent,
)
from conveyor.request import ConversionRequest
from conveyor.turnstile import Turnstile

CONVERSIONS = 2
SPACING_S = 600.0
LEASE_S = 1800.0
REQUEST = ConversionRequest.build("https://example.com/a.docx", "pdf")
RESULT = Result(1, (RemoteFile("a.pdf", "https://v2.convertapi.com/d/x", 3),))
FILES = (StoredFile("a.pdf", "file:///a.pdf", 3, "0" * 64),)
ROUNDS = 60

POSTED = ("started", "started", "taken and lost", "lost", "throttled", "unsent", "held", "refused")
POLLED = ("truth", "truth", "truth", "busy", "lost", "unsent")

FATES = ("delivered", "delivered", "delivered", "repeated", "dropped")
MANY_MESSAGES = 6

pick = st.integers(0, 1_000_000)
# Where a task stops, others come between.
stops = st.sampled_from((1, 1, 1, 2, 2, 3, 6))
seldom = st.sampled_from((False, False, True))
# Mostly the newest, or a run would be lost in what is stale.
age = st.sampled_from((0, 0, 0, 0, 1, 1, 2, 3, 5, 8, 13))


@dataclass
class RemoteJob:
    """A job at the service."""

    conversion_id: str
    state: str = "running"  # then finished or failed


class Service:
    """What the service knows and has charged; an id that is posted again is charged again."""

    def __init__(self):
        self.jobs = {}
        self.charged = defaultdict(int)

    def post(self, conversion_id, job_id, how):
        if how in ("started", "taken and lost", "finished"):
            self.charged[conversion_id] += 1
            self.jobs[job_id] = RemoteJob(conversion_id)
        answers = {
            "started": Started(job_id),
            "finished": Finished(RESULT),
            "throttled": Throttled(),
            "unsent": Unsent("no connection"),
            "held": Failed(402, 4014, "The balance is used up."),
            "refused": Failed(400, 5001, "It can't be converted."),
        }
        return answers.get(how, Lost("the connection was lost"))

    def poll(self, job_id, how):
        if how == "lost":
            return Lost("a proxy on the way", 502)
        if how == "unsent":
            return Unsent("no connection")
        job = self.jobs.get(job_id)
        if job is None:
            return NotFound()
        if how == "busy":
            return Busy()
        answers = {"finished": Finished(RESULT), "failed": Failed(500, 5001, "It is damaged.")}
        return answers.get(job.state, InProgress())


class Broker:
    """Messages, in no order; `wakeups` take it for a Celery application."""

    def __init__(self):
        self.messages = []

    def send_task(self, name, args=(), kwargs=None, **_):
        self.messages.append((name, tuple(args), dict(kwargs or {})))


@dataclass(eq=False)
class Task:
    """A task in a worker: where it stands is where its generator has stopped.

    Attributes:
        posts: Whether its POST may be on its way.
        polls: Whether its poll may be on its way.
        holds: Whether the turnstile is its own; once the poll is answered the lease may run out.
    """

    conversion_id: str
    steps: Generator[None, None, None] | None = None
    posts: bool = False
    polls: bool = False
    holds: bool = False


class Interleavings(RuleBasedStateMachine):
    """A fleet, a service and a broker that lose, repeat and delay whatever they can."""

    client = None

    def __init__(self):
        super().__init__()
        self.client.flushdb()
        self.ledger = Ledger(self.client)
        self.turnstile = Turnstile(self.client, SPACING_S, LEASE_S)
        self.service = Service()
        self.broker = Broker()
        self.tasks = []
        self.ids = []
        self.spaced = set()
        self.leased = set()
        self.ends = {}
        self.told = set()
        self.learned = defaultdict(list)
        self.may_cancel = False
        self.draw: Callable[[tuple[str, ...]], str] = lambda choices: choices[0]

    # -- what may happen ------------------------------------------------------------------------

    @initialize(may_cancel=st.booleans())
    def accept_the_first(self, may_cancel):
        # What is cancelled too early keeps the rest from happening.
        self.may_cancel = may_cancel
        self._accept()

    @precondition(lambda self: len(self.ids) < CONVERSIONS)
    @rule()
    def accept(self):
        self._accept()

    @precondition(lambda self: self.broker.messages)
    @rule(age=age, fate=st.sampled_from(FATES), steps=stops, data=st.data())
    def message(self, age, fate, steps, data):
        """Any message, in any order, late or early, once, twice or never."""
        messages = self.broker.messages
        place = -1 - age % len(messages)
        message = messages[place] if fate == "repeated" else messages.pop(place)
        if fate != "dropped":
            self._go_on(self._begin(*message), steps - 1, data)

    @precondition(lambda self: self.tasks)
    @rule(age=age, steps=stops, data=st.data())
    def go_on(self, age, steps, data):
        self._go_on(self.tasks[-1 - age % len(self.tasks)], steps, data)

    @precondition(lambda self: self.tasks)
    @rule(place=pick, is_meant=seldom)
    def crash(self, place, is_meant):
        """A process is killed: its sockets are closed, its lease stays."""
        if is_meant:
            self._kill(self.tasks[place % len(self.tasks)])

    @precondition(lambda self: self.leased or self.spaced)
    @rule()
    def turnstiles_open(self):
        self._open_turnstiles()

    @precondition(lambda self: len(self.broker.messages) < MANY_MESSAGES)
    @rule()
    def sweep(self):
        self._sweep()

    @precondition(lambda self: self._running())
    @rule(place=pick, end=st.sampled_from(("finished", "finished", "failed", "forgotten")))
    def job_ends(self, place, end):
        job_id, job = self._running()[place % len(self._running())]
        if end != "forgotten":
            job.state = end
        elif self.ledger.get(job.conversion_id).alive:
            # The service forgets after two hours; long before, we have seen it alive.
            del self.service.jobs[job_id]

    @precondition(lambda self: len(self.broker.messages) < MANY_MESSAGES)
    @rule(place=pick, is_its_own=st.booleans())
    def webhook(self, place, is_its_own):
        """The service calls: early, late, again, or for a job that nobody knows."""
        before = self.ledger.get(self.ids[place % len(self.ids)])
        found = self.ledger.job_ended(before.id, before.job_id if is_its_own else "another")
        assert replace(self.ledger.get(before.id), called=before.called) == before, "I6: a hint"
        if found is not None:
            wakeups.poll(self.broker, *found)

    @precondition(lambda self: self.may_cancel)
    @rule(place=pick, is_meant=seldom)
    def cancel(self, place, is_meant):
        entry = self.ledger.get(self.ids[place % len(self.ids)])
        cancelled = self.ledger.cancelled(entry) if is_meant else None
        if cancelled is not None:
            wakeups.wake(self.broker, cancelled)

    # -- what must be true, always --------------------------------------------------------------

    @invariant()
    def nothing_is_paid_twice(self):
        assert all(count <= 1 for count in self.service.charged.values()), "I1"

    @invariant()
    def nothing_is_out_of_sight(self):
        with self.client.pipeline(transaction=False) as pipeline:
            for conversion_id in self.ids:
                pipeline.hget(keys.conversion(conversion_id), "state")
                pipeline.zscore(keys.DUE, conversion_id)
                pipeline.ttl(keys.conversion(conversion_id))
            found = pipeline.execute()
        for place, conversion_id in enumerate(self.ids):
            state, due, ttl_s = found[3 * place : 3 * place + 3]
            if State(state).is_final:
                assert self.ends.setdefault(conversion_id, state) == state, "one outcome"
            if conversion_id not in self.told:
                assert due is not None, "I2: swept"
                assert ttl_s == -1, "I2: kept"

    def teardown(self):
        if sys.exc_info()[0] is None:
            self._come_to_rest()

    def _come_to_rest(self):
        """No more faults: every conversion ends, and its caller learns how."""
        self.draw = lambda choices: choices[0]
        for task in list(self.tasks):
            self._kill(task)
        for _ in range(ROUNDS):
            self._open_turnstiles()
            if not self.broker.messages:
                if not self.client.zcard(keys.DUE):
                    break
                self._sweep()
            for _, job in self._running():
                job.state = "finished"
            messages, self.broker.messages = self.broker.messages, []
            for message in messages:
                self._begin(*message)
            while self.tasks:
                self._advance(self.tasks[0])
        states = {entry.id: entry.state for entry in self.ledger.find_many(self.ids)}
        assert all(state.is_final for state in states.values()), f"I2: {states}"
        assert self.client.zcard(keys.DUE) == 0, "I2: its caller knows"
        for conversion_id, state in states.items():
            assert set(self.learned[conversion_id]) == {state}, "I2: which"
            paid = self.service.charged[conversion_id]
            assert paid == 1 or state is not State.SUCCEEDED, "nothing comes from nothing"
        self.nothing_is_paid_twice()

    # -- the fleet ------------------------------------------------------------------------------

    def _accept(self):
        # Not a random id: the sweep's order must be the same again.
        entry = self.ledger.open(f"conversion-{len(self.ids)}", REQUEST)
        self.ids.append(entry.id)
        wakeups.wake(self.broker, entry)

    def _begin(self, name, args, kwargs):
        bodies = {names.SUBMIT: self._submit, names.POLL: self._poll, names.DELIVER: self._deliver}
        task = Task(args[0] if args else kwargs["conversion_id"])
        task.steps = bodies[name](task, *args, **kwargs)
        self.tasks.append(task)
        self._advance(task)
        return task

    def _go_on(self, task, steps, data):
        self.draw = lambda choices: data.draw(st.sampled_from(choices))
        for _ in range(steps):
            if task in self.tasks:
                self._advance(task)

    def _advance(self, task):
        if next(task.steps, "ended") == "ended":
            self.tasks.remove(task)

    def _kill(self, task):
        task.steps.close()
        self.tasks.remove(task)

    def _sweep(self):
        """Time passes until all is overdue, but for what is in a worker's hands.

        A submit puts off its sweep for longer than its POST may take; that alone keeps a poll from
        asking for a job whose POST is on its way. A worker that then sleeps on comes too late.
        """
        posting = {task.conversion_id for task in self.tasks if task.posts}
        overdue = {conversion_id: 0 for conversion_id in self.ids if conversion_id not in posting}
        if overdue:
            self.client.zadd(keys.DUE, overdue, xx=True)
        for entry in self.ledger.claim_overdue(100, 60.0):
            wakeups.wake(self.broker, entry)

    def _open_turnstiles(self):
        """Spacings end, and leases of the dead and of those who sleep over their answer.

        No lease ends while its holder's poll is on its way: it is renewed until then.
        """
        asked = {task.conversion_id for task in self.tasks if task.polls}
        for conversion_id in (self.spaced | self.leased) - asked:
            self.client.delete(keys.turnstile(conversion_id))
        for task in self.tasks:
            task.holds = task.holds and task.conversion_id in asked
        self.spaced -= self.spaced - asked
        self.leased -= self.leased - asked

    def _running(self):
        return [item for item in self.service.jobs.items() if item[1].state == "running"]

    # -- the tasks ------------------------------------------------------------------------------

    def _submit(self, task, conversion_id, number):
        entry = self.ledger.find(conversion_id)
        if entry is None or entry.state is not State.QUEUED or entry.wakeup != number:
            return
        yield
        if self.draw(("brought", "brought", "brought", "away")) == "away":
            noted = self.ledger.delayed(entry, 5.0, "the source is away")
        else:
            job_id = entry.job_id or Dialect.PATH.job_id(uuid4())
            begun = self.ledger.begin_submit(entry, Job(job_id, "https://x", Dialect.PATH))
            if begun is None:
                return
            task.posts = True
            yield
            outcome = self.service.post(conversion_id, job_id, self.draw((*POSTED, "finished")))
            task.posts = False
            yield
            noted = self._note_submit(begun, outcome)
        yield
        if noted is not None:
            wakeups.wake(self.broker, noted)

    def _note_submit(self, entry, outcome):
        delay_s = schedule.retry_submit(SPACING_S, entry.strikes)
        match after_submit(outcome, entry, time.time()):
            case Taken(job_id):
                return self.ledger.started(entry, job_id, delay_s)
            case Keep(result):
                return self.ledger.ready(entry, result)
            case AskFirst(note):
                return self.ledger.ask_first(entry, delay_s, note)
            case SubmitAgain(note):
                return self.ledger.put_back(entry, delay_s, note, lost=False)
            case Hold(failure):
                return self.ledger.put_back(entry, delay_s, failure.message, lost=False, held=True)
            case Bury(failure):
                return self.ledger.failed(entry, failure)

    def _poll(self, task, conversion_id, number):
        passed = self.turnstile.enter(conversion_id, number)
        if passed is None:
            return
        if not passed.granted:
            yield
            wakeups.poll(self.broker, passed.entry, passed.wait_s)
            return
        assert not self._polled(conversion_id), "I3: one at a time"
        assert conversion_id not in self.leased, "I3: a lease outlives its holder"
        assert conversion_id not in self.spaced, "I3: the spacing is kept"
        self.leased.add(conversion_id)
        task.polls = task.holds = True
        yield
        outcome = self.service.poll(passed.entry.job_id, self.draw(POLLED))
        task.polls = False
        yield
        noted = self._note_poll(passed, outcome)
        if task.holds:
            self.leased.discard(conversion_id)
            self.spaced.add(conversion_id)
            closed_s = self.client.pttl(keys.turnstile(conversion_id)) / 1000
            assert SPACING_S - 60 < closed_s < SPACING_S + 1, "I3: left, whatever became of it"
        task.holds = False
        yield
        if noted is not None:
            wakeups.wake(self.broker, noted)

    def _polled(self, conversion_id):
        return any(task.polls for task in self.tasks if task.conversion_id == conversion_id)

    def _note_poll(self, passed, outcome):
        entry, leaving = passed.entry, passed.leaving
        delay_s = schedule.next_poll(SPACING_S, 0.0, entry.strikes)
        match after_poll(outcome, entry, time.time()):
            case Keep(result):
                return self.ledger.ready(entry, result, leaving=leaving)
            case PollAgain(alive, strike, note):
                return self.ledger.later(
                    entry, delay_s, alive=alive, strike=strike, note=note, leaving=leaving
                )
            case SubmitAgain(note):
                return self.ledger.put_back(entry, delay_s, note, lost=True, leaving=leaving)
            case Bury(failure):
                return self.ledger.failed(entry, failure, leaving=leaving)
            case Expire(failure):
                return self.ledger.expired(entry, failure, leaving=leaving)

    def _deliver(self, task, conversion_id):
        entry = self.ledger.get(conversion_id)
        if entry.state is State.READY:
            yield
            if self.draw(("stored", "stored", "away")) == "away":
                self.ledger.hold(entry, 5.0, "the storage is away")
                yield
                wakeups.deliver(self.broker, entry)
                return
            entry = self.ledger.succeeded(entry, FILES) or self.ledger.get(conversion_id)
        if not entry.state.is_final:
            return
        yield
        self.learned[conversion_id].append(entry.state)
        yield
        is_dead = entry.state in (State.FAILED, State.EXPIRED)
        self.ledger.told(conversion_id, is_dead=is_dead)
        self.told.add(conversion_id)


@pytest.fixture
def machine(client):
    class Machine(Interleavings):
        pass

    Machine.client = client
    return Machine


@pytest.mark.timeout(900)
def test_interleavings(machine):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=350,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )


@pytest.mark.parametrize("answer", ["throttled", "lost", "unsent", "held"])
def test_what_a_worker_notes_after_a_long_sleep_changes_nothing(machine, answer):
    """Its POST has started nothing; meanwhile that was found out, and another has posted."""
    fleet = machine()
    fleet.accept_the_first(may_cancel=False)
    fleet.draw = lambda choices: answer if answer in choices else choices[0]
    sleeper = fleet._begin(*fleet.broker.messages.pop())
    fleet._advance(sleeper)
    fleet._advance(sleeper)
    fleet.sweep()
    fleet.draw = lambda choices: choices[0]
    poll = fleet._begin(*fleet.broker.messages.pop())
    while poll in fleet.tasks:
        fleet._advance(poll)
    second = fleet._begin(*fleet.broker.messages.pop())
    fleet._advance(second)
    fleet._advance(second)
    assert list(fleet.service.charged.values()) == [1]

    while sleeper in fleet.tasks:
        fleet._advance(sleeper)

    fleet.nothing_is_paid_twice()
    fleet.nothing_is_out_of_sight()
    fleet.teardown()
    assert [entry.state for entry in fleet.ledger.find_many(fleet.ids)] == [State.SUCCEEDED]
    assert list(fleet.service.charged.values()) == [1]
