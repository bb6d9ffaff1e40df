"""A signature's first message opens its entry, or its caller learns why it can't be right."""

from __future__ import annotations

from base64 import b64encode
from types import SimpleNamespace

import pytest
from celery.app.task import Context
from celery.exceptions import Ignore

from conveyor.domain.callback import Callback
from conveyor.domain.canvas import Caller
from conveyor.domain.request import ConversionRequest
from conveyor.domain.terms import NO_TERMS, Terms
from conveyor.errors import InvalidRequest
from conveyor.ledger import RevokedBefore
from conveyor.producing.fingerprint import fingerprint_of
from tests.unit.workers.parts import entry_of
from workers import signatures
from workers.revoking import DROPPED
from workers.signatures import accept_signature

CALL = ("https://example.com/a.docx", "pdf", None, None, 30)
REQUEST = ConversionRequest.build(*CALL)
ASKED = fingerprint_of(REQUEST)
OPENED = entry_of(asked=ASKED)


@pytest.fixture
def told(monkeypatch):
    """What callers were told."""
    seen = []

    def tell(what):
        def do(task, said):
            seen.append((what, task, said))
            raise Ignore

        return do

    monkeypatch.setattr(signatures, "refuse", tell("refused"))
    monkeypatch.setattr(signatures, "revoke", tell("revoked"))
    return seen


@pytest.fixture
def accept(rig, told):
    rig.storage.answers["tokens_of"] = ["token"]
    rig.ledger.answers["open"] = OPENED

    def run(call=CALL, asked=ASKED, task_id="c1", dropped=None, terms=None):
        run.forgotten = []
        request = Context(id=task_id, callbacks=["link"])
        if dropped:
            setattr(request, DROPPED, dropped)
        backend = SimpleNamespace(forget=run.forgotten.append)
        run.task = SimpleNamespace(request=request, backend=backend)
        accept_signature(run.task, rig.services, asked, call, terms)

    return run


def _refusal(told, task):
    ((what, refused, error),) = told
    assert (what, refused) == ("refused", task)
    assert isinstance(error, InvalidRequest)
    return str(error)


def test_signature_opens_its_entry_with_its_callers_canvas(rig, accept, told):
    accept()

    assert rig.the("ledger.open") == {
        "conversion_id": "c1",
        "request": REQUEST,
        "caller": Caller(callbacks=["link"]),
        "owns": (),
        "takes": ["token"],
        "asked": ASKED,
        "terms": NO_TERMS,
        "idempotency": None,
        "unless_revoked": True,
        "rings": False,
    }
    assert rig.the("storage.tokens_of") == {"uris": ("https://example.com/a.docx",)}
    assert told == []


def test_signature_without_a_hash_gets_one(rig, accept):
    accept(asked="")

    assert rig.the("ledger.open")["asked"] == ASKED


def test_signature_opens_its_entry_with_its_terms(rig, accept, told):
    terms = Terms.of({"order": "4711"}, 60)
    accept(terms=terms.plain())

    assert rig.the("ledger.open")["terms"] == terms
    assert told == []


def test_signature_without_a_callback_gets_the_fleets(rig_of):
    secret = f"whsec_{b64encode(bytes(24)).decode()}"
    rig = rig_of(callback_url="https://shop.example/hooks", callback_secrets=secret)
    rig.storage.answers["tokens_of"] = []
    rig.ledger.answers["open"] = OPENED
    task = SimpleNamespace(request=Context(id="c1"), backend=None)
    accept_signature(task, rig.services, ASKED, CALL)

    assert rig.the("ledger.open")["terms"].callback == Callback("https://shop.example/hooks")


@pytest.mark.parametrize(
    "terms", [[1], {"metadata": 5}, {"metadata": {"a": []}}, {"deadline": "x"}, {"deadline": {}}]
)
def test_signature_with_terms_that_cannot_be_right_is_refused(rig, accept, told, terms):
    with pytest.raises(Ignore):
        accept(terms=terms)

    assert rig.given("ledger.open") == []
    assert _refusal(told, accept.task)


def test_signature_that_comes_twice_opens_nothing(rig, accept, told):
    rig.ledger.answers["find"] = OPENED
    accept(dropped="expired")

    assert rig.given("ledger.open") == []
    assert told == []


def test_signature_whose_twin_was_faster_takes_its_entry(rig, accept, told):
    rig.ledger.answers.update(open=None, get=OPENED)
    accept()

    assert rig.the("ledger.get") == {"conversion_id": "c1"}
    assert told == []


@pytest.mark.parametrize("is_known", [True, False])
def test_id_of_another_conversion_is_refused_and_its_result_forgotten(
    *, rig, accept, told, is_known
):
    another = entry_of(asked=ASKED[:-1] + "x")
    rig.ledger.answers.update(find=another if is_known else None, open=None, get=another)
    with pytest.raises(Ignore):
        accept()

    assert "'c1' was used for a different conversion" in _refusal(told, accept.task)
    # Celery keeps a success, whatever comes later.
    assert accept.forgotten == ["c1"]


def test_id_of_a_conversion_that_no_signature_asked_for_is_refused(rig, accept, told):
    rig.ledger.answers["find"] = entry_of(asked="")
    with pytest.raises(Ignore):
        accept()

    assert "was used for a different conversion" in _refusal(told, accept.task)


@pytest.mark.parametrize("dropped", ["expired", "revoked"])
def test_message_that_celery_would_have_dropped_is_not_begun(rig, accept, told, dropped):
    with pytest.raises(Ignore):
        accept(dropped=dropped)

    assert told == [("revoked", accept.task, dropped)]
    assert rig.given("ledger.open") == []


def test_signature_that_was_revoked_before_it_came_is_not_begun(rig, accept, told):
    rig.ledger.answers["open"] = RevokedBefore("c1")
    with pytest.raises(Ignore):
        accept()

    assert told == [("revoked", accept.task, "revoked")]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("https://example.com/a.docx", "", None, None, None), "target"),
        (("/home/me/a.docx", "pdf", None, None, None), "stage the file"),
        (("https://example.com/a.docx", "pdf", None, {"OverlayFile": "/b.pdf"}, None), "stage"),
    ],
    ids=["no format", "a path", "a parameter's path"],
)
def test_request_that_can_not_be_right_is_refused(*, rig, accept, told, call, words):
    with pytest.raises(Ignore):
        accept(call)

    assert words in _refusal(told, accept.task)
    assert accept.forgotten == []
    assert rig.given("ledger.open") == []


@pytest.mark.parametrize(
    ("task_id", "is_right"), [("x" * 200, True), ("x" * 201, False), ("a\nb", False)]
)
def test_task_id_is_an_id_where_it_is_printable_and_short(*, rig, accept, told, task_id, is_right):
    if is_right:
        accept(task_id=task_id)
    else:
        with pytest.raises(Ignore):
            accept(task_id=task_id)
        assert "Use up to 200 printable characters" in _refusal(told, accept.task)

    assert bool(rig.given("ledger.open")) is is_right
