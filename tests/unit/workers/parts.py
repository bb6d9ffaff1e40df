"""A worker made of parts that note what they are asked, and answer as a test tells them."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from config.settings import WorkerSettings
from conveyor.convertapi.client import ConvertApi
from conveyor.domain.conversion import State
from conveyor.domain.next_steps import Limits
from conveyor.domain.request import ConversionRequest
from conveyor.ledger import Entry, Ledger, Tenure
from conveyor.ledger.audit import Audit
from conveyor.ledger.claims import Claimed, Claims
from conveyor.ledger.dates import Dates
from conveyor.ledger.delivery_lease import DeliveryLeases
from conveyor.ledger.expected_durations import ExpectedDurations
from conveyor.ledger.governor import Admission, Governor
from conveyor.ledger.index import Index
from conveyor.ledger.leftovers import Leftovers
from conveyor.ledger.notices import Notices
from conveyor.ledger.reports import Reports
from conveyor.ledger.storage_mark import StorageMark
from conveyor.ledger.turnstile import Pass, Turnstile
from conveyor.messaging.bells import Belfry
from conveyor.names import Queues
from conveyor.producing.staging import Staging
from conveyor.settings import load
from conveyor.storage import Storage
from conveyor.storage.marker import Marker
from workers.announcing import Announcer
from workers.crew import Crew
from workers.dialects import Dialects
from workers.heartbeat import Heartbeat, Work
from workers.notifying import Notifier
from workers.services import Services

NOW = 1_000_000.0
SPACING_S = 5.0
# Jitter is a tenth at most, and a margin of some milliseconds.
SLACK = 1.2
LEFT = "left"


class Part:
    """Stands for one part. It takes what the real one takes: anything else is a TypeError.

    Attributes:
        answers: What a method answers, by its name: a value, an error to raise, or a function of
            the arguments. Nothing, where it is not named.
    """

    def __init__(self, name, real, did, **attributes):
        self._name = name
        self._real = real
        self._did = did
        self.answers = {}
        for key, value in attributes.items():
            setattr(self, key, value)

    def __getattr__(self, name):
        signature = inspect.signature(getattr(self._real, name))

        def call(*args, **kwargs):
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            given = dict(list(bound.arguments.items())[1:])
            self._did.append((f"{self._name}.{name}", given))
            answer = self.answers.get(name)
            if isinstance(answer, BaseException):
                raise answer
            return answer(**given) if callable(answer) else answer

        return call


class Rig:
    """A worker's services, all of parts; `did` is all that they were asked, in its order."""

    def __init__(self, storage_url, **values):
        self.did = []
        settings = load(
            WorkerSettings, **{"api_secret": "hush", "storage_url": storage_url, **values}
        )
        part = self._part
        self.ledger = part(
            "ledger",
            Ledger,
            expected_durations=part("durations", ExpectedDurations),
            leftovers=part("leftovers", Leftovers),
            audit=part("audit", Audit),
            reports=part("reports", Reports),
            notices=part("notices", Notices),
            erasures=part("erasures", Dates),
            expiries=part("expiries", Dates),
        )
        self.index = part("index", Index)
        self.governor = part("governor", Governor, account="shop")
        self.turnstile = part("turnstile", Turnstile)
        self.deliveries = part("deliveries", DeliveryLeases)
        self.claims = part("claims", Claims)
        self.api = part("api", ConvertApi, base_url="https://eu-v2.convertapi.com")
        self.storage = part("storage", Storage)
        self.storage.answers["remove_staged"] = True
        self.staging = part("staging", Staging)
        self.marker = part("marker", Marker, mark=part("mark", StorageMark))
        self.bells = part("bells", Belfry)
        self.heartbeat = part("heartbeat", Heartbeat)
        self.announcer = part("announcer", Announcer)
        self.crew = part("crew", Crew)
        self.notifier = part("notifier", Notifier)
        self.backend = SimpleNamespace()
        self.publisher = SimpleNamespace(
            app=SimpleNamespace(backend=self.backend), queues=Queues("conveyor")
        )
        self.works = []
        self.heartbeat.answers["renewing"] = self._renewing
        self.crew.answers["turn"] = lambda patience_s: _given(self.room)
        self.crew.answers["begin"] = self._begin
        self.deliveries.answers["taking"] = Tenure("taken", 13_000)
        self.room = 10
        self.services = Services(
            publisher=self.publisher,
            bells=self.bells,
            settings=settings,
            ledger=self.ledger,
            index=self.index,
            staging=self.staging,
            dialects=Dialects(self.ledger, "shop", settings.dialects),
            governor=self.governor,
            turnstile=self.turnstile,
            deliveries=self.deliveries,
            claims=self.claims,
            heartbeat=self.heartbeat,
            crew=self.crew,
            backend=self.backend,
            api=self.api,
            storage=self.storage,
            marker=self.marker,
            limits=Limits(),
            notifier=self.notifier,
            announcer=self.announcer,
        )

    def _part(self, name, real, **attributes):
        return Part(name, real, self.did, **attributes)

    @contextmanager
    def _renewing(self, held, most_s):
        work = Work(held.entry.id, "any", held.token, lambda: 0.0)
        work.may_take(most_s)
        self.works.append(work)
        yield work
        self.did.append(("renewed", {"id": held.entry.id}))

    def _begin(self, jobs):
        for job in jobs:
            job()
        return len(jobs)

    def given(self, name):
        """What a method was given, each time."""
        return [given for done, given in self.did if done == name]

    def the(self, name):
        """What a method was given, the only time that it was asked."""
        (given,) = self.given(name)
        return given

    def names(self, *parts):
        """Which methods were asked, in their order; of some parts alone, if they are named."""
        return [done for done, _ in self.did if not parts or done.split(".")[0] in parts]


@contextmanager
def _given(value):
    yield value


def entry_of(**fields):
    """A conversion that is converting, unless said otherwise."""
    defaults = {
        "id": "c1",
        "state": State.CONVERTING,
        "turn": 3,
        "request": ConversionRequest.build("https://example.com/a.docx", "pdf"),
        "created_at": NOW,
        "seen_at": NOW,
    }
    return Entry(**{**defaults, **fields})


def pass_of(entry, **fields):
    """The right to make a request about a conversion, in the turnstile for 5 s after it."""
    defaults = {"token": "mine", "lease_ms": 13_000, "spacing_ms": 5020}
    return Pass(entry, **{**defaults, **fields})


def claimed(*passes, spent=(), lost=(), **admission):
    """What a claim brings."""
    return Claimed(list(passes), list(spent), Admission(**admission), list(lost))


@pytest.fixture(autouse=True)
def logged():
    """What is logged. A traceback that is printed for people costs as much as ten tests."""
    with capture_logs() as logs:
        yield logs


@pytest.fixture
def rig_of(tmp_path):
    """Workers of parts, by their settings."""
    return lambda **values: Rig(str(tmp_path), **values)


@pytest.fixture
def rig(rig_of):
    return rig_of()


@pytest.fixture
def threads_of(monkeypatch):
    """Threads of a module that are made and begun, and never run: what was asked of them."""

    def watched(module):
        asked = []

        class Thread:
            def __init__(self, **options):
                asked.append(options)

            def start(self):
                asked.append("started")

        monkeypatch.setattr(module, "Thread", Thread)
        return asked

    return watched
