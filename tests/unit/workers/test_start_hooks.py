"""What a worker's process hooks in at its start, and what its signals then do."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from functools import partial

import pytest
from celery import Celery, signals
from kombu.exceptions import OperationalError

from config.celery import celery_options
from config.settings import WorkerSettings
from conveyor.errors import SettingsError
from conveyor.ledger.faults import RedisError
from conveyor.messaging.extensions import BACKENDS
from conveyor.settings import load
from tests.unit.workers.test_keepers import Kept
from workers import start
from workers.guest import GuestAmqp, GuestWorker

SIGNALS = (
    *(signals.worker_init, signals.worker_ready, signals.worker_shutting_down),
    *(signals.worker_shutdown, signals.worker_process_shutdown),
)


@dataclass(frozen=True)
class Node:
    """A worker, as Celery's signals name it."""

    hostname: str
    task_events: bool


@pytest.fixture(autouse=True)
def receivers(monkeypatch):
    """Signals that reach nobody else; those that held their receivers weakly have lost them."""
    for signal in SIGNALS:
        monkeypatch.setattr(signal, "receivers", [])
    monkeypatch.setattr(start, "Periodic", Kept)
    monkeypatch.setattr(Kept, "made", [])


@pytest.fixture
def settings(tmp_path):
    return load(WorkerSettings, api_secret="hush", storage_url=str(tmp_path), log_level="ERROR")


@pytest.fixture
def used(monkeypatch):
    """What the process's parts are made of."""
    seen = []
    monkeypatch.setattr(start.wiring, "use", lambda *args: seen.append(args))
    return seen


@pytest.fixture
def installed(monkeypatch):
    """What was installed, and with what."""
    seen = {}
    for module in ("wire", "logs", "revoking", "unread"):
        monkeypatch.setattr(
            getattr(start, module),
            "install",
            lambda *args, module=module: seen.update({module: args}),
        )
    return seen


@pytest.fixture
def app(settings, used, installed, monkeypatch):
    monkeypatch.setattr(start, "Celery", partial(Celery, set_as_current=False))
    with start.make_app(lambda: settings) as made:
        yield made


def test_application_is_ours_in_all_that_celery_lets_one_choose(app, settings):
    assert app.main == "conveyor"
    assert app.task_cls == "workers.base:ConversionTask"
    assert type(app.amqp) is GuestAmqp
    assert issubclass(app.Worker, GuestWorker)
    assert app.loader.override_backends is BACKENDS
    assert set(app.conf.include) >= {
        *("tasks.submit", "tasks.poll", "tasks.deliver", "tasks.checkup", "workers.about"),
    }
    for name, value in celery_options(settings).items():
        assert getattr(app.conf, name) == value


def test_everything_that_a_process_needs_is_installed(app, settings, used, installed):
    assert used == [(app, settings)]
    assert installed == {"wire": (), "logs": ("ERROR", "json"), "revoking": (), "unread": (app,)}
    assert len(Kept.made) == 12
    # The node, the look at the servers; that and the keepers; the keepers; and twice the crew.
    assert [len(signal.receivers) for signal in SIGNALS] == [2, 2, 1, 1, 1]


def test_wrong_setting_ends_the_process_in_one_line():
    def read():
        raise SettingsError("CONVEYOR_X is wrong")

    with pytest.raises(SystemExit, match="error: CONVEYOR_X is wrong"):
        start.make_app(read)


@pytest.mark.parametrize(("sends", "node"), [(True, "worker@node"), (False, "")])
def test_events_go_in_the_name_of_a_worker_that_sends_any(settings, used, sends, node):
    start._hook_node("app", settings)
    gc.collect()
    signals.worker_init.send(sender=Node("worker@node", sends))

    assert used == [("app", settings, node)]


@pytest.fixture
def look(rig, monkeypatch):
    """Have the servers seen so, one look after the other; which concerns were logged."""
    monkeypatch.setattr(start.wiring, "wired", lambda: rig.services)
    logged = []
    monkeypatch.setattr(start.precautions, "log_concerns", lambda seen: logged.append(list(seen)))

    def arrange(*looks):
        left = iter(looks)

        def look_at_servers(ledger, app):
            assert (ledger, app) == (rig.ledger, "app")
            seen = next(left)
            if isinstance(seen, Exception):
                raise seen
            return seen

        monkeypatch.setattr(start.precautions, "look_at_servers", look_at_servers)
        start._hook_precautions("app")
        gc.collect()
        (again,) = Kept.made
        return again, logged

    return arrange


def _ready():
    signals.worker_ready.send(sender=None)


def test_servers_that_were_seen_are_looked_at_once_and_their_concerns_logged_when_ready(look):
    again, logged = look(["a server"])
    signals.worker_init.send(sender=None)
    assert logged == []
    _ready()

    assert logged == [["a server"]]
    assert not again.is_running


def test_servers_that_are_away_are_looked_at_until_they_are_there(look):
    again, logged = look([], [], ["a server"])
    signals.worker_init.send(sender=None)
    _ready()
    every_s, look_again = again.about
    assert again.name == "precautions"
    assert (again.is_running, logged, every_s) == (True, [], 10.0)

    look_again()
    assert (again.is_running, logged) == (True, [])
    look_again()
    assert (again.is_running, logged) == (False, [["a server"]])


def test_server_that_nothing_can_work_with_ends_the_process(look):
    look(SettingsError("It evicts."))
    with pytest.raises(SystemExit, match="error: It evicts"):
        signals.worker_init.receivers[0][1](sender=None)


@pytest.mark.parametrize("signal", [signals.worker_shutdown, signals.worker_process_shutdown])
@pytest.mark.parametrize("is_drained", [True, False])
def test_process_that_ends_waits_for_its_crew_and_sends_its_events(
    *, rig, monkeypatch, logged, signal, is_drained
):
    monkeypatch.setattr(start.wiring, "wired", lambda: rig.services)
    rig.crew.answers["drain"] = is_drained
    rig.notifier.answers["drain"] = True
    start._hook_crew()
    gc.collect()
    signal.send(sender=None)

    # Celery's own time to end is ten seconds in a container.
    assert rig.did == [
        ("notifier.stop", {}),
        ("crew.drain", {"timeout_s": 8.0}),
        *([("notifier.drain", {"timeout_s": 2.0})] if is_drained else []),
        ("announcer.flush", {}),
    ]
    assert [line["event"] for line in logged] == ([] if is_drained else ["stopped_with_work_left"])


@pytest.mark.parametrize("error", [OperationalError(), RedisError(), OSError()])
def test_events_that_can_not_be_sent_keep_no_process_from_its_end(rig, monkeypatch, error):
    monkeypatch.setattr(start.wiring, "wired", lambda: rig.services)
    rig.crew.answers["drain"] = True
    rig.announcer.answers["flush"] = error
    start._hook_crew()
    signals.worker_shutdown.receivers[0][1](sender=None)
