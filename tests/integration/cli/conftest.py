from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from uuid import uuid4

import pytest

from conveyor import Conveyor, __main__
from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.conversion import Failure, FailureKind
from conveyor.domain.dialect import Dialect
from conveyor.domain.request import ConversionRequest
from conveyor.ledger import Client, Entry, Ledger, Submission, connect
from conveyor.ledger.governor import Governor
from conveyor.reasons import usual_reason
from local_stack.valkey import Valkey


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with closing(Valkey(password="hush")) as running:
        running.start()
        yield running


@pytest.fixture
def valkey(server) -> Iterator[Valkey]:
    yield server
    with closing(server.client()) as client:
        client.flushall()


@pytest.fixture
def environment(valkey, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("CONVEYOR_BROKER_URL", valkey.url())
    monkeypatch.setenv("CONVEYOR_STORAGE_URL", str(tmp_path / "files"))


@pytest.fixture
def library(environment) -> Iterator[Conveyor]:
    with closing(Conveyor.from_env()) as conveyor:
        yield conveyor


@pytest.fixture
def conveyor(environment, monkeypatch, capsys):
    """The command line within this process: status, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["conveyor", *arguments])
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        printed = capsys.readouterr()
        assert "hush" not in printed.out + printed.err
        return int(ended.value.code or 0), printed.out, printed.err

    return run


@pytest.fixture
def connected(valkey) -> Iterator[Client]:
    with closing(connect(valkey.url())) as client:
        yield client


MakeEntry = Callable[..., Entry]


@pytest.fixture
def converting(connected) -> MakeEntry:
    """A conversion that the service has taken."""

    def make(account: str = "") -> Entry:
        # Nobody hears of it: what is rung for here is what a command rings for.
        ledger = Ledger(connected)
        request = ConversionRequest.build("https://example.com/a.docx", "pdf")
        entry = ledger.open(str(uuid4()), request)
        assert entry is not None
        connected.delete(connected.keyspace.bell("submit"))
        begun = ledger.begin_submit(entry, Submission("0" * 32, "http://x", Dialect.PATH, account))
        assert begun is not None
        return begun

    return make


@pytest.fixture
def dead(library, converting) -> MakeEntry:
    """A dead letter; of a paid result, where the storage failed."""

    def make(
        *,
        paid: bool = False,
        message: str = "Conversion failed.",
        kind: FailureKind = FailureKind.SERVICE,
        account: str = "",
    ) -> Entry:
        entry = converting(account)
        if paid:
            result = Result(1, (RemoteFile("a.pdf", "https://example.com/d/x", 1),))
            entry = library.ledger.ready(entry, result)
            kind = FailureKind.STORAGE
        failure = Failure(kind, message, code=5001, status=500, reason=usual_reason(kind))
        buried = library.ledger.failed(entry, failure)
        assert buried is not None
        return buried

    return make


@pytest.fixture
def hold(valkey):
    """Hold an account's submits, as a worker does."""

    def hold(account: str, reason: str) -> None:
        with closing(connect(valkey.url())) as client:
            Governor(client, account, 5, 0).hold(reason)

    return hold
