from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from celery import Celery

from config.settings import WorkerSettings
from conveyor.callbacks.addresses import Networks, networks_of
from conveyor.settings import load
from workers import wiring

SECRET = "0123456789abcdef-hush"


@pytest.fixture
def settings_of(tmp_path):
    def make(**values):
        return load(
            WorkerSettings, **{"api_secret": SECRET, "storage_url": str(tmp_path), **values}
        )

    return make


@pytest.fixture
def app():
    with Celery(set_as_current=False, broker="memory://") as made:
        yield made


def test_an_accounts_name_outlives_its_secret(app, settings_of):
    engines = [wiring.build(app, settings_of(api_secret=secret)) for secret in (SECRET, "other")]

    assert [services.governor.account for services in engines] == ["v2.convertapi.com"] * 2


def test_an_account_is_called_as_it_is_set(app, settings_of):
    assert wiring.build(app, settings_of(account="shop")).governor.account == "shop"


def test_a_lease_outlives_several_beats_of_the_heart(app, settings_of):
    """One beat that is late must not let a second poll in."""
    services = wiring.build(app, settings_of())

    assert services.turnstile._lease_ms / 1000 > 3 * services.heartbeat._every_s


def test_limits_are_the_settings(app, settings_of):
    services = wiring.build(app, settings_of(submit_attempts=2, poll_failures=7))

    assert (services.limits.submits, services.limits.consecutive_failures) == (2, 7)


@pytest.mark.parametrize("allow_http", [True, False])
def test_callbacks_go_out_as_the_settings_say(app, settings_of, allow_http):
    services = wiring.build(
        app,
        settings_of(
            callback_allow_http=allow_http,
            callback_proxy="http://proxy:3128",
            callback_timeout_seconds=7.5,
            callback_networks="10.1.0.0/16",
            callback_requests=3,
            callback_per_receiver=2,
        ),
    )

    notifier, poster = services.notifier, services.notifier._poster
    assert (poster._allow_http, poster._proxy.netloc) == (allow_http, "proxy:3128")
    assert poster._timeout_s == 7.5
    assert poster._networks == Networks(networks_of("10.1.0.0/16"))
    assert (notifier._per_receiver, notifier._crew._size) == (2, 3)


_FORK = """
import os
from celery import Celery
from config.settings import load_settings
from workers import wiring

wiring.use(Celery(broker="memory://"), load_settings())
mine = wiring.wired()
assert wiring.wired() is mine
if not os.fork():
    os._exit(7 if wiring.wired() is not mine else 1)
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""


_FORK_WITH_A_CREW = """
import os
from celery import Celery
from config.settings import load_settings
from workers import wiring

def work():
    done = []
    wiring.wired().crew.work([lambda: done.append(os.getpid())] * 3)
    assert wiring.wired().crew.drain(30)
    return set(done) == {os.getpid()} and len(done) == 3

wiring.use(Celery(broker="memory://"), load_settings())
assert work()
if not os.fork():
    os._exit(7 if work() else 1)
print(os.waitstatus_to_exitcode(os.wait()[1]))
assert work()
"""


@pytest.mark.parametrize("program", [_FORK, _FORK_WITH_A_CREW], ids=["services", "crew"])
def test_a_process_has_one_engine_and_a_fork_its_own(tmp_path, program):
    """A forked child must not share its parent's sockets, and has none of its threads."""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[3],
        env={
            **os.environ,
            "CONVEYOR_API_SECRET": SECRET,
            "CONVEYOR_STORAGE_URL": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.stdout, ended.stderr) == ("7\n", "")


def test_process_makes_its_parts_once_until_it_is_told_of_others(app, settings_of):
    made = wiring._Wiring()
    made.use(app, settings_of(), "worker@node")
    first = made.wired()

    assert made.wired() is first
    assert (first.publisher.app, first.announcer._node) == (app, "worker@node")
    assert not first.heartbeat._stopped.is_set()

    made.use(app, settings_of(account="shop"))
    second = made.wired()
    assert second.governor.account == "shop"
    assert second.announcer._node == ""
    assert made.wired() is second
    assert first.heartbeat._stopped.is_set()


def test_process_without_a_name_sends_no_events(app, settings_of):
    assert wiring.build(app, settings_of()).announcer._node == ""


def test_missing_settings_stop_the_worker():
    with pytest.raises(RuntimeError, match="use"):
        wiring._Wiring().wired()
