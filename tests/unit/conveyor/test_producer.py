"""What a producer makes without a server; what it sends is tested with real ones."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from celery import Celery

from conveyor import Conveyor, InvalidRequest, SettingsError, names

URL = "https://example.com/a.docx?token=hush"


@pytest.fixture
def conveyor(tmp_path):
    with closing(Conveyor(broker_url="memory://", **_rest(tmp_path))) as made:
        yield made


def _rest(tmp_path):
    return {"redis_url": "redis://nowhere.invalid", "storage_url": str(tmp_path / "files")}


def test_a_signature_asks_for_the_conversion(conveyor):
    signature = conveyor.signature(URL, to="PDF", params={"PageRange": "1"})

    assert signature.task == names.SUBMIT
    assert signature.options["queue"] == names.SUBMIT
    assert signature.args == ([URL],)
    assert signature.kwargs["from_format"] == "docx"
    assert signature.kwargs["params"] == {"PageRange": "1"}
    assert json.loads(json.dumps(signature))["kwargs"] == signature.kwargs


def test_a_signature_shows_flower_nothing_that_opens_the_document(conveyor):
    options = conveyor.signature(URL, to="pdf", params={"Password": "hush"}).options

    assert "hush" not in options["argsrepr"] + options["kwargsrepr"]
    assert "https://example.com/…" in options["kwargsrepr"]


@pytest.mark.parametrize(
    ("source", "immutable"), [(URL, True), (None, False)], ids=["its own", "the result before it"]
)
def test_a_signature_takes_one_source(conveyor, source, immutable):
    """In a chain the task before it gives its result as the first argument."""
    signature = conveyor.signature(source, to="pdf", from_format="docx")

    assert signature.immutable is immutable
    assert len(signature.clone(args=({"files": []},)).args) == 1


@pytest.mark.parametrize(
    ("source", "to"),
    [(URL, "p/df"), ([], "pdf"), ("gone.docx", "pdf"), ("no-format", "pdf")],
    ids=str,
)
def test_invalid_request_is_refused_before_it_is_enqueued(conveyor, source, to):
    with pytest.raises(InvalidRequest):
        conveyor.signature(source, to=to)


@pytest.mark.parametrize("value", ["hush", "redis://host:0"])
def test_a_wrong_address_is_refused_immediately(value):
    with pytest.raises(SettingsError, match="CONVEYOR_BROKER_URL"):
        Conveyor(broker_url=value, redis_url="redis://host")


def test_the_constructor_reads_no_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("CONVEYOR_BROKER_URL", "nosuch://host")
    with closing(Conveyor(broker_url="memory://", **_rest(tmp_path))) as conveyor:
        assert conveyor.celery_app.conf.broker_url == "memory://"


@pytest.mark.parametrize("own_app", [True, False], ids=["the application's", "ours"])
def test_from_env_knows_where_everything_is(monkeypatch, tmp_path, own_app):
    monkeypatch.setenv("CONVEYOR_BROKER_URL", "memory://ours")
    monkeypatch.setenv("CONVEYOR_REDIS_URL", "redis://nowhere.invalid")
    monkeypatch.setenv("CONVEYOR_STORAGE_URL", str(tmp_path))
    server = "redis://nowhere.invalid"
    app = Celery(set_as_current=False, broker="memory://theirs", backend=server)
    with app, closing(Conveyor.from_env(app if own_app else None)) as conveyor:
        assert (conveyor.celery_app is app) is own_app
        assert conveyor.celery_app.conf.broker_url == f"memory://{'theirs' if own_app else 'ours'}"
        assert Path(conveyor.storage.location.removeprefix("file://")) == tmp_path


def test_a_producer_is_not_the_processs_default_app(conveyor):
    """The application's own Celery stays what `shared_task` and results go by."""
    from celery import current_app  # noqa: PLC0415 - looked at when the producer is made

    assert current_app._get_current_object() is not conveyor.celery_app
