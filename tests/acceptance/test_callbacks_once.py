"""The result backend is away for a while: the caller's next step runs once, the store is repeated.

The backend is a Valkey of its own, so that broker and ledger live on.
"""

from __future__ import annotations

from contextlib import closing
from types import SimpleNamespace
from uuid import uuid4

import pytest
from celery import Signature, chain, chord

from conveyor import ConversionFailed, State
from conveyor.ledger.keys import Keys
from workers.local.stack import LocalStack
from workers.local.valkey import Valkey

# Stores that fail, of each conversion, before the backend comes back.
FAILED_STORES = 3


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    with Valkey(tmp_path_factory.mktemp("results")) as valkey:
        yield valkey


@pytest.fixture(scope="module")
def stack(results):
    with LocalStack(workers=2, settings={"RESULT_BACKEND": results.url()}) as running:
        yield running


@pytest.fixture(scope="module")
def ledger(stack):
    with closing(stack.valkey.client()) as client:
        yield client


class Workflows:
    """Conversions with all that may follow, each calling a task whose messages nobody draws."""

    def __init__(self, conveyor, folder, ledger):
        self._conveyor = conveyor
        self._folder = folder
        self._ledger = ledger
        self.linked = self._signature().apply_async(link=[self._note("link"), self._note("other")])
        self.chained = chain(self._signature(), self._note("chain")).apply_async().parent
        parts = [self._signature(), self._signature()]
        self.body = chord(parts)(self._note("body"))
        self.parts = list(self.body.parent)
        self.failed = self._signature("docx").apply_async(link_error=self._note("errback"))

    def called(self):
        """How often each of them was called."""
        return {
            name: self._ledger.llen(name) for name in ("link", "other", "chain", "body", "errback")
        }

    @property
    def all(self):
        return [self.linked, self.chained, *self.parts, self.failed]

    def _signature(self, kind="md"):
        path = self._folder / f"{uuid4()}.{kind}"
        path.write_text(f"# Report {uuid4()}\n")
        return self._conveyor.signature(path, to="html")

    def _note(self, queue):
        return Signature("web.note", queue=queue, app=self._conveyor.celery_app)


@pytest.fixture(scope="module")
def outage(*, stack, results, ledger, until, tmp_path_factory, sandbox):
    """How things stood while the backend was away, and afterwards."""

    def stores(result):
        return int(ledger.hget(Keys().conversion(result.id), "undelivered") or 0)

    with closing(stack.conveyor()) as conveyor:
        with sandbox.faults(gateway_poll=1.0):  # so that none ends before the backend is away
            flows = Workflows(conveyor, tmp_path_factory.mktemp("sources"), ledger)
            until(lambda: all(_state(conveyor, it) is State.CONVERTING for it in flows.all))
            results.kill()
        until(lambda: all(stores(each) >= FAILED_STORES for each in flows.all))
        meanwhile = flows.called()
        results.start()
        for each in flows.all[:-1]:
            assert conveyor.celery_app.AsyncResult(each.id).get(timeout=90)["state"] == "succeeded"
        until(lambda: not any(map(ledger.zcard, Keys().all_due)))
        yield SimpleNamespace(flows=flows, meanwhile=meanwhile, after=flows.called())


def test_callbacks_and_chain_run_at_once_and_once(outage):
    once = {"link": 1, "other": 1, "chain": 1}

    assert {name: outage.meanwhile[name] for name in once} == once
    assert {name: outage.after[name] for name in once} == once


def test_chord_is_counted_when_the_backend_is_back_and_its_body_runs_once(outage):
    assert (outage.meanwhile["body"], outage.after["body"]) == (0, 1)


def test_errback_runs_once_and_the_failure_is_stored(outage):
    with pytest.raises(ConversionFailed):
        outage.flows.failed.get(timeout=90)
    assert (outage.meanwhile["errback"], outage.after["errback"]) == (0, 1)


def test_the_result_knows_what_was_called(outage):
    outage.flows.linked.get(timeout=90)

    assert len(outage.flows.linked.children) == 2


def _state(conveyor, result):
    try:
        return conveyor.get(result.id).state
    except LookupError:
        return None
