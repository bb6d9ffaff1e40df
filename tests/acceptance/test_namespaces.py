"""Two fleets on one Valkey database, each with a namespace, a service and a storage of its own."""

from __future__ import annotations

import socket
from collections import defaultdict
from contextlib import closing, contextmanager, suppress
from threading import Thread

import pytest
import redis

from conveyor.diagnosis.doctor import examine
from conveyor.errors import UnknownConversion
from local_stack.stack import LocalStack

# Celery's own, which a fleet shares with every application of the broker: results by task id,
# remote control and events.
SHARED = ("celery-task-meta-", "_kombu.binding", "celery.pidbox", "celeryev", "reply.celery.pidbox")
OF = {
    "conveyor": ("{conveyor}:", "conveyor.", "conveyor:"),
    "staging": ("{staging}:", "staging.", "staging:"),
}


class Tap(Thread):
    """Everything that a Valkey is asked, by the connection that asked."""

    def __init__(self, valkey):
        super().__init__(daemon=True)
        self._socket = socket.create_connection(("127.0.0.1", valkey.port))
        self._socket.sendall(f"AUTH {valkey.password}\r\nMONITOR\r\n".encode())
        self.commands = []
        self._caller = ""

    def run(self):
        # The end may come in the middle of what Valkey sends.
        with suppress(OSError), self._socket.makefile(errors="replace") as lines:
            for line in lines:
                head, _, command = line.partition("] ")
                who = head.rpartition(" ")[2]
                # What a script does comes after the call of the script.
                self._caller = self._caller if who == "lua" else who
                self.commands.append((self._caller, command))

    def end(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self.join(timeout=5)
        self._socket.close()


@contextmanager
def tapped(valkey):
    tap = Tap(valkey)
    tap.start()
    yield tap
    tap.end()


@pytest.fixture(scope="module")
def stack():
    with LocalStack() as running:
        yield running


@pytest.fixture(scope="module")
def staging(stack):
    with LocalStack(settings={"NAMESPACE": "staging"}, valkey=stack.valkey) as running:
        yield running


@pytest.fixture(scope="module")
def fleets(stack, staging):
    with closing(stack.conveyor()) as ours, closing(staging.conveyor()) as theirs:
        yield {"conveyor": ours, "staging": theirs}


def _keys(client):
    return {key.decode(errors="replace") for key in client.scan_iter(count=1000)}


def _named(command):
    """The namespaces of a command's keys. A message's quotes are escaped: its words don't count."""
    return {name for name, starts in OF.items() if any(f' "{it}' in command for it in starts)}


def test_each_worker_converts_its_own_and_touches_no_key_of_the_other(
    *, stack, staging, fleets, document, sandbox_of, until
):
    for worker in (*stack.workers, *staging.workers):
        worker.stop()
    handles = {name: conveyor.convert(document, to="html") for name, conveyor in fleets.items()}
    with redis.Redis.from_url(stack.broker_url) as client, tapped(stack.valkey) as tap:
        ours = {each["addr"] for each in client.client_list()}
        for each in (stack, staging):
            for worker in each.workers:
                each.start_worker(worker)
        for name, handle in handles.items():
            until(lambda name=name, handle=handle: fleets[name].get(handle.id).state.is_final)
        keys = _keys(client)

    assert {name: handles[name].state.value for name in OF} == dict.fromkeys(OF, "succeeded")
    touched = defaultdict(set)
    for address, command in tap.commands:
        if address not in ours:
            touched[address] |= _named(command)
    assert {frozenset(names) for names in touched.values() if names} == {
        frozenset({name}) for name in OF
    }
    assert not {
        key for key in keys if not key.startswith((*SHARED, *OF["conveyor"], *OF["staging"]))
    }
    assert [sandbox_of(each).audit()["paid"] for each in (stack, staging)] == [1, 1]


def test_each_shows_its_own_alone(fleets, document):
    handles = {name: conveyor.convert(document, to="html") for name, conveyor in fleets.items()}
    for name, conveyor in fleets.items():
        handles[name].wait(timeout=90)
        listed = {each.id for each in conveyor.list().conversions}
        assert listed & {handle.id for handle in handles.values()} == {handles[name].id}
        assert conveyor.fleet().states
        with pytest.raises(UnknownConversion):
            conveyor.get(next(handles[other].id for other in OF if other != name))


def test_doctor_of_each_names_the_other(fleets):
    for name, conveyor in fleets.items():
        (other,) = OF.keys() - {name}
        checks = examine(conveyor)

        assert all(check.ok for check in checks)
        (neighbours,) = [check for check in checks if check.name == "neighbours"]
        assert neighbours.detail == f"other namespaces of Conveyor: {other}"
        (worker,) = [check for check in checks if check.name == "worker"]
        assert worker.where.endswith("@staging" if name == "staging" else "@localhost")
