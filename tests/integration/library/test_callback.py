"""`convert(…, callback=…)`: who hears of it lies in the entry, and the fleet has a default."""

from __future__ import annotations

import asyncio
from contextlib import closing

import pytest

from conveyor import Callback, Conveyor, InvalidRequest, SettingsError
from conveyor.domain.terms import Terms

URL = "https://example.com/a.docx"
HOOK = "https://shop.example/hooks?token=hush"


def _callback(conveyor, handle):
    return conveyor.ledger.get(handle.id).terms.callback


@pytest.mark.parametrize(
    ("given", "events"),
    [
        (HOOK, "ends"),
        ({"url": HOOK, "events": "changes"}, "changes"),
        (Callback(HOOK, "changes"), "changes"),
    ],
)
def test_callback_lies_in_the_entry(conveyor, given, events):
    handles = [
        conveyor.convert(URL, "pdf", callback=given),
        asyncio.run(conveyor.aconvert(URL, "pdf", callback=given)),
    ]

    assert {_callback(conveyor, handle) for handle in handles} == {Callback(HOOK, events)}


def test_signature_carries_its_callback(conveyor):
    plain = conveyor.signature(URL, to="pdf", callback=HOOK).kwargs["terms"]

    assert Terms.from_plain(plain).callback == Callback(HOOK)


def test_fleets_callback_is_that_of_whoever_names_none(redis_url, tmp_path):
    where = {"broker_url": redis_url, "storage_url": str(tmp_path / "files")}
    with closing(Conveyor(**where, callback_url=HOOK, callback_events="changes")) as conveyor:
        without, own = conveyor.convert(URL, "pdf"), conveyor.convert(URL, "pdf", callback=URL)

        assert _callback(conveyor, without) == Callback(HOOK, "changes")
        assert _callback(conveyor, own) == Callback(URL)


def test_fleets_callback_is_read_from_the_environment(redis_url, tmp_path, monkeypatch):
    monkeypatch.setenv("CONVEYOR_BROKER_URL", redis_url)
    monkeypatch.setenv("CONVEYOR_STORAGE_URL", str(tmp_path / "files"))
    monkeypatch.setenv("CONVEYOR_CALLBACK_URL", HOOK)
    with closing(Conveyor.from_env()) as conveyor:
        assert _callback(conveyor, conveyor.convert(URL, "pdf")) == Callback(HOOK)


def test_wrong_callback_is_refused_before_anything_is_stored(conveyor, client):
    with pytest.raises(InvalidRequest, match="callback") as refused:
        conveyor.convert(URL, "pdf", callback="https://user:hush@shop.example/")

    assert "hush" not in str(refused.value)
    assert not client.keys("*conversion:*")


def test_wrong_callback_of_the_fleet_stops_the_start(redis_url):
    with pytest.raises(SettingsError, match="CALLBACK_URL") as refused:
        Conveyor(broker_url=redis_url, callback_url="ftp://hush@shop.example/")

    assert "hush" not in str(refused.value)


def test_repeated_key_keeps_the_first_calls_callback(conveyor):
    first = conveyor.convert(URL, "pdf", idempotency_key="k", callback=HOOK)
    second = conveyor.convert(URL, "pdf", idempotency_key="k", callback=URL)

    assert second.id == first.id
    assert _callback(conveyor, second) == Callback(HOOK)


def test_callbacks_address_is_in_no_record_that_is_shown(conveyor):
    handle = conveyor.convert(URL, "pdf", callback=HOOK)
    handle.cancel()

    assert "hush" not in str(handle.get().to_dict())
    assert "hush" not in str(conveyor.callbacks.show(handle.id))
    assert "hush" not in str(conveyor.status(handle.id))
