"""A service that knows the address of no dialect: each is tried once, and nothing is paid."""

from __future__ import annotations

import pytest

from conveyor import State
from conveyor.convertapi.client import ConvertApi
from conveyor.domain.answers import NotFound
from conveyor.domain.dialect import Dialect


@pytest.fixture
def unknown(monkeypatch):
    """Answer every POST with a 404; the dialects and job ids of what was posted."""
    posted = []

    def start(_api, dialect, _formats, _form, job_id, *_args, **_options):
        posted.append((dialect, job_id))
        return NotFound("No such converter.")

    monkeypatch.setattr(ConvertApi, "start", start)
    return posted


def test_404_in_every_dialect_ends_the_conversion_after_one_post_in_each(
    worker, conveyor, document, unknown, sandbox
):
    handle = conveyor.convert(document, to="html")
    worker.work()
    conversion = handle.get()

    assert conversion.state is State.FAILED
    assert "No such converter." in conversion.failure.message
    assert [dialect for dialect, _ in unknown] == [Dialect.PATH, Dialect.QUERY]
    # The same job, as each dialect writes it.
    assert len({job_id.replace("-", "").lower() for _, job_id in unknown}) == 1
    assert sandbox.audit()["paid"] == 0
    assert worker.services.ledger.get(handle.id).submits <= 1


def test_404_in_the_one_dialect_that_is_set_ends_the_conversion_after_one_post(
    worker_of, sandbox, conveyor, document, unknown
):
    with worker_of(sandbox.url, api_dialect="query") as worker:
        handle = conveyor.convert(document, to="html")
        worker.work()

    assert handle.get().state is State.FAILED
    assert [dialect for dialect, _ in unknown] == [Dialect.QUERY]
