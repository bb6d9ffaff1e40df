"""The client against a service that keeps the protocol, and breaks it on order."""

from __future__ import annotations

import io
import time
from contextlib import contextmanager
from uuid import uuid4

import pytest

from convertapi_sandbox import SandboxConfig, SandboxServer
from conveyor.convertapi.errors import Refused
from conveyor.domain.answers import (
    Busy,
    Failed,
    Finished,
    InProgress,
    Lost,
    NotFound,
    Started,
    Throttled,
)
from conveyor.domain.dialect import Dialect

SPACING_S = 0.2


@pytest.fixture(scope="module")
def shared_sandbox():
    config = SandboxConfig(spacing_s=SPACING_S, seed=1, slow_s=3.0)
    with SandboxServer(config) as server:
        yield server


@pytest.fixture
def sandbox(shared_sandbox):
    shared_sandbox.set_faults({})
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def api(sandbox, api_of):
    return api_of(sandbox.url, sandbox.secret)


@contextmanager
def _document():
    yield io.BytesIO(b"# Title")


class Job:
    """One conversion, call by call."""

    def __init__(self, api, dialect, keep):
        self.api, self.dialect, self.keep = api, dialect, keep
        self.id = dialect.job_id(uuid4())

    def start(self, to="html", **form):
        source = form or {"File": self.api.upload("a.md", _document)}
        return self.api.start(self.dialect, ("md", to), source, self.id, self.keep)

    def poll(self):
        return self.api.poll(self.api.base_url, self.dialect, self.id, self.keep)

    def end(self):
        for _ in range(100):
            time.sleep(SPACING_S + 0.01)
            outcome = self.poll()
            if outcome != InProgress():
                return outcome
        raise AssertionError("the job did not end")


@pytest.fixture(params=Dialect)
def job(request, api, keep):
    return Job(api, request.param, keep)


def test_a_conversion_from_start_to_end(sandbox, job):
    assert job.start() == Started(job.id)
    outcome = job.end()
    assert isinstance(outcome, Finished)
    (file,) = outcome.result.files
    assert (outcome.result.cost, file.name) == (1, "a.html")
    with job.api.download(file.url) as download:
        content = b"".join(download.chunks)
    assert b"Title" in content
    assert len(content) == file.size
    assert job.api.delete_job(job.api.base_url, job.dialect, job.id) is True
    assert job.api.delete_file(file.url) is True

    audit = sandbox.audit()
    assert (audit["paid"], audit["violations"], audit["bad_credentials"]) == (1, 0, 0)


@pytest.mark.parametrize("dialect", Dialect)
def test_a_poll_that_comes_too_early_is_busy(api_of, keep, dialect):
    with SandboxServer(SandboxConfig(spacing_s=60, seed=1)) as sandbox:
        job = Job(api_of(sandbox.url, sandbox.secret), dialect, keep)
        job.start()
        job.poll()

        assert job.poll() == Busy()


def test_an_unknown_job_is_not_found(job):
    assert job.poll() == NotFound()


def test_a_refused_request_says_why(job):
    outcome = job.start(File="https://example.com/a.md", NoSuchParameter="1")

    assert isinstance(outcome, Failed)
    assert outcome.status == 400
    assert outcome.message


def test_wrong_credentials_are_told(sandbox, api_of, keep):
    api = api_of(sandbox.url, "wrong")
    outcome = api.start(Dialect.PATH, ("md", "html"), {"File": "https://e.com/a"}, "0" * 32, keep)

    assert isinstance(outcome, Failed)
    assert outcome.status == 401
    with pytest.raises(Refused):
        api.user()


def test_the_account_is_told_without_its_secret(api, sandbox):
    account = api.user()

    assert account.active is True
    assert account.conversions_total > account.conversions_consumed
    assert sandbox.secret not in repr(account)


@pytest.mark.parametrize(
    ("fault", "outcome", "paid"),
    [
        ("throttle_submit", Throttled, 0),
        ("lost_submit", Lost, 1),
        ("gateway_submit", Lost, 1),
        ("finished_submit", Finished, 1),
    ],
)
def test_a_submit_meets_a_fault(sandbox, job, fault, outcome, paid):
    source = job.api.upload("a.md", _document)
    sandbox.set_faults({fault: 1.0})

    assert isinstance(job.start(File=source), outcome)
    assert sandbox.audit()["paid"] == paid


def test_after_a_lost_answer_our_own_id_finds_the_job(sandbox, job):
    source = job.api.upload("a.md", _document)
    sandbox.set_faults({"lost_submit": 1.0})
    job.start(File=source)

    assert isinstance(job.end(), Finished)
    assert sandbox.audit()["paid_duplicates"] == 0


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("gateway_poll", Lost),
        ("lost_poll", Lost),
        ("slow_answer", Lost),
        ("truncated_json", Lost),
        ("error_5001", Failed),
    ],
)
def test_a_poll_meets_a_fault(sandbox, job, api_of, fault, outcome):
    sandbox.set_faults({fault: 1.0} if fault.startswith("error") else {})
    job.start()
    time.sleep(0.3)
    sandbox.set_faults({} if fault.startswith("error") else {fault: 1.0})
    if fault == "slow_answer":
        job.api = api_of(sandbox.url, sandbox.secret, total=1.0)

    assert isinstance(job.end(), outcome)


def test_a_result_of_raw_bytes_is_kept_at_once(sandbox, job):
    job.start()
    sandbox.set_faults({"raw_result": 1.0})
    outcome = job.end()

    assert isinstance(outcome, Finished)
    assert outcome.result.files[0].kept.size > 0
