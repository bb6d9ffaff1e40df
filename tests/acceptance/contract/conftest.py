"""The two that the contract holds for: the fake, and the real one behind it."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from conveyor import Reason
from conveyor.testing import FakeConveyor

PATIENCE_S = 100.0
DAMAGED = b"no document at all"


class Fake:
    """The fake: the test says what the service does."""

    is_fake = True

    def __init__(self, fake):
        self.conveyor = fake

    def end(self, conversion):
        """Have a conversion end as its source deserves."""
        entry = self.conveyor.ledger.get(conversion.id)
        if entry.source_name.startswith("damaged"):
            self.conveyor.fail(conversion, Reason.DAMAGED)
        else:
            self.conveyor.succeed(conversion, {"a.html": b"<h1>Report</h1>"})

    def paid(self):
        return self.conveyor.paid

    def called_back(self):
        """The next callback of the application's: its task, and what it is called with."""
        called = self.conveyor.called_back.pop(0)
        return called.task, list(called.args)

    def settle(self, is_done):
        self.conveyor.advance(1)
        assert is_done()


class Stack:
    """The real one: a worker and the sandbox do what they do."""

    is_fake = False

    def __init__(self, stack, conveyor):
        self._stack = stack
        self.conveyor = conveyor

    def end(self, conversion):
        handle = self.conveyor.handle(conversion.id)
        for _event in handle.events():
            pass

    def paid(self):
        return self._stack.audit["paid"]

    def called_back(self):
        """The next one, as the application's own worker would find it in its queue."""
        with (
            self.conveyor.celery_app.connection_for_read() as broker,
            closing(broker.SimpleQueue("celery")) as queue,
        ):
            message = queue.get(timeout=PATIENCE_S)
            message.ack()
        args, _kwargs, _embed = message.payload
        return message.headers["task"], args

    def settle(self, is_done):
        """Wait until workers have done what they repeat beside their tasks."""
        deadline = time.monotonic() + PATIENCE_S
        while not is_done():
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture(params=["fake", "stack"])
def world(request):
    if request.param == "fake":
        with closing(FakeConveyor()) as fake:
            yield Fake(fake)
    else:
        stack = request.getfixturevalue("conveyor_stack")
        yield Stack(stack, stack.conveyor)


@pytest.fixture
def conveyor(world):
    return world.conveyor
