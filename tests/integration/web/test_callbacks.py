"""Callbacks over HTTP: listed, shown, sent again."""

from __future__ import annotations

import pytest

from conveyor.domain.callback import Callback
from conveyor.domain.notice import Try, TryReason
from conveyor.domain.terms import Terms
from conveyor.ledger.notices import Noted, Outcome
from tests.integration.conftest import Make

HOOK = Terms(callback=Callback("https://shop.example/hooks?token=hush"))
NOTED = {
    "received": Noted(Outcome.RECEIVED, Try(0, 1, 204, took_s=0.1)),
    "down": Noted(Outcome.AGAIN, Try(0, 1, 503, TryReason.STATUS, "down"), wait_s=30),
}


@pytest.fixture
def told(site):
    """Conversions that have ended, whose callback was tried once; by what became of it."""
    ledger = site.conveyor.ledger
    for name, noted in NOTED.items():
        ledger.cancelled(ledger.open(name, Make.request, terms=HOOK))
        (claimed,) = ledger.notices.claim(1, 10, 60)
        ledger.notices.note(claimed, noted, 10)


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["down", "received"]),
        ("?status=pending", ["down"]),
        ("?reason=status", ["down"]),
        ("?until=2020-01-01T00:00:00Z", []),
        ("?limit=1", ["down"]),
    ],
)
def test_list_shows_those_that_are_asked_for(site, query, names):
    answer = site.get(f"/callbacks{query}")

    assert [it["conversion"] for it in answer.json()["callbacks"]] == names
    assert "hush" not in answer.text


@pytest.mark.usefixtures("told")
def test_callbacks_of_a_conversion_have_the_log_of_their_tries(site):
    answer = site.get("/conversions/down/callbacks")
    (callback,) = answer.json()["callbacks"]

    assert callback["type"] == "conversion.cancelled"
    assert (callback["receiver"], callback["tries"]) == ("shop.example:443", 1)
    assert [(it["status"], it["reason"], it["error"]) for it in callback["log"]] == [
        (503, "status", "down")
    ]
    assert "hush" not in answer.text


@pytest.mark.usefixtures("told")
def test_replay_of_one_and_of_many_is_accepted(site):
    one = site.post("/conversions/received/callbacks/replay")
    many = site.post("/callbacks/replay", json={"since": "2020-01-01T00:00:00Z"})

    assert (one.status_code, one.json()) == (202, {"replayed": 1})
    assert (many.status_code, many.json()) == (202, {"replayed": 2})


@pytest.mark.parametrize(
    "body", [{}, {"since": "2020-01-01T00:00:00"}, {"reason": "whatever"}, {"limit": 5}]
)
def test_replay_of_no_choice_or_a_wrong_one_is_refused(site, body):
    assert site.post("/callbacks/replay", json=body).status_code == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/conversions/x/callbacks"), ("POST", "/conversions/x/callbacks/replay")],
)
def test_unknown_conversion_is_not_found(site, method, path):
    assert site.ask(method, path).status_code == 404


@pytest.mark.usefixtures("told")
def test_metrics_count_callbacks(site):
    lines = site.get("/metrics").text.splitlines()

    assert "conveyor_callbacks_pending 1.0" in lines
    assert 'conveyor_callback_tries_total{outcome="again"} 1.0' in lines


@pytest.mark.parametrize("events", ["ends", "changes"])
@pytest.mark.parametrize("form", ["json", "form", "document"])
def test_order_names_who_hears_of_it_in_each_form(site, form, events):
    fields = {"callback": "https://shop.example/hooks", "callback_events": events}
    source = "https://example.com/a.docx"
    ways = {
        "json": {"json": {"source": source, "to": "pdf", **fields}},
        "form": {"data": {"to": "pdf", **fields}, "files": {"file": ("a.docx", b"x")}},
        "document": {"params": {"to": "pdf", "name": "a.docx", **fields}, "data": b"x"},
    }
    answer = site.post("/conversions", **ways[form])

    assert answer.status_code == 202, answer.text
    terms = site.conveyor.ledger.get(answer.json()["id"]).terms
    assert terms.callback == Callback("https://shop.example/hooks", events)


@pytest.mark.parametrize(
    "fields",
    [
        {"callback": "ftp://shop.example/"},
        {"callback": "https://user:hush@shop.example/"},
        {"callback": "https://shop.example/", "callback_events": "sometimes"},
        {"callback_events": "ends"},
    ],
)
def test_order_with_a_wrong_callback_is_refused(site, fields):
    answer = site.post(
        "/conversions", json={"source": "https://example.com/a.docx", "to": "pdf", **fields}
    )

    assert answer.status_code == 422
    assert "hush" not in answer.text
    assert site.conveyor.list().conversions == ()
