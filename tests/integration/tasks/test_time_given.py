"""How long the work on a conversion may take before its process is taken for stuck."""

from __future__ import annotations

import pytest

from conveyor import names
from conveyor.convertapi.client import ConvertApi
from conveyor.domain.answers import Started
from workers.heartbeat import Work


@pytest.fixture
def given(monkeypatch):
    """The seconds that work was given, each time."""
    seconds = []
    may_take = Work.may_take

    def note(work, most_s):
        seconds.append(most_s)
        may_take(work, most_s)

    monkeypatch.setattr(Work, "may_take", note)
    return seconds


@pytest.mark.parametrize("semi_async_s", [0, 30])
def test_post_may_take_as_long_as_the_service_may_answer_late(
    *, worker_of, sandbox, conveyor, document, monkeypatch, given, semi_async_s
):
    monkeypatch.setattr(ConvertApi, "start", lambda *_args, **_options: Started("0" * 32))
    with worker_of(sandbox.url, api_dialect="query", semi_async_seconds=semi_async_s) as worker:
        conveyor.convert(document, to="html")
        worker.ring(names.SUBMIT)
        answer_s, upload_s = worker.services.most_answer_s, worker.services.settings
        upload_s = upload_s.transfer_timeout_seconds + 15.0

    # From the claim, then with its one upload, then with the POST.
    assert given == [answer_s, upload_s, answer_s + semi_async_s]
