"""`conveyor callbacks`: listed, shown, sent again, and a receiver for developers."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager

import pytest
import standardwebhooks

from conveyor.callbacks.signing import keys_of, make_secret
from conveyor.cli.listening import Listener
from conveyor.domain.callback import Callback
from conveyor.domain.notice import Try, TryReason
from conveyor.domain.terms import Terms
from conveyor.ledger.notices import Noted, Outcome
from tests.integration.callbacks.conftest import SECRET, Receiver, served
from tests.integration.conftest import Make

DOWN = Noted(Outcome.AGAIN, Try(0, 1, 503, TryReason.STATUS, "the receiver answered 503"), 30.0)


@pytest.fixture
def told(library):
    """Two conversions that have ended, one of whose callbacks was refused."""
    ledger = library.ledger
    for name in ("c1", "c2"):
        terms = Terms(callback=Callback("https://shop.example/hush"))
        ledger.cancelled(ledger.open(name, Make.request, terms=terms))
    (claimed,) = ledger.notices.claim(1, 10, 60)
    ledger.notices.note(claimed, DOWN, 10)
    return claimed.conversion_id


def test_list_has_a_row_for_each(conveyor, told):
    status, out, _ = conveyor("callbacks", "list")

    assert status == 0
    assert {row.split("\t")[0] for row in out.splitlines()} == {"c1", "c2"}


def test_list_narrows_by_reason_and_prints_json(conveyor, told):
    _, out, _ = conveyor("callbacks", "list", "--reason", "status", "--since", "1h", "--json")

    assert [json.loads(line)["conversion"] for line in out.splitlines()] == [told]


def test_show_tells_each_try(conveyor, told):
    status, out, _ = conveyor("callbacks", "show", told)

    assert status == 0
    assert "the receiver answered 503" in out


def test_replay_by_id_and_by_reason(conveyor, told):
    assert conveyor("callbacks", "replay", "c1", "c2")[1] == "2 callbacks sent again\n"
    assert conveyor("callbacks", "replay", "--reason", "status", "--yes")[0] == 0


@pytest.mark.parametrize("words", [(), ("c1", "--reason", "status")])
def test_replay_needs_ids_or_a_choice(conveyor, told, words):
    assert conveyor("callbacks", "replay", *words)[0] == 2


@contextmanager
def _listening(forward_to=""):
    listener = Listener(0, keys_of(SECRET), forward_to)
    thread = threading.Thread(target=listener._server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield listener.url
    finally:
        listener._server.shutdown()
        listener.close()


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "expired", "queued"])
def test_triggered_sample_is_verified_and_forwarded(conveyor, environment, state):
    """The application behind `listen` verifies it once more."""
    with served(Receiver()) as shop, _listening(shop.url) as url:
        status, out, err = conveyor("callbacks", "trigger", state, "--to", url, "--secret", SECRET)

    assert (status, err) == (0, "")
    assert f"conversion.{state}: the receiver answered 204" in out
    (heard,) = shop.heard
    assert heard.said["type"] == f"conversion.{state}"


def test_sample_of_another_secret_is_refused(conveyor, environment):
    with _listening() as url:
        status, out, _ = conveyor(
            "callbacks", "trigger", "succeeded", "--to", url, "--secret", make_secret()
        )

    assert status == 1
    assert "401" in out


def test_listener_passes_on_what_the_application_answers(conveyor, environment):
    with served(Receiver()) as shop, _listening(shop.url) as url:
        shop.status = 503
        status, out, _ = conveyor(
            "callbacks", "trigger", "succeeded", "--to", url, "--secret", SECRET
        )

    assert (status, shop.tried) == (1, 1)
    assert "503" in out


def test_trigger_without_a_secret_says_what_to_set(conveyor, environment):
    status, _, err = conveyor("callbacks", "trigger", "succeeded")

    assert status == 2
    assert "CONVEYOR_CALLBACK_SECRETS" in err


def test_new_secret_is_one_that_receivers_take(conveyor, environment):
    status, out, _ = conveyor("callbacks", "secret")

    assert status == 0
    assert standardwebhooks.Webhook(out.strip())
