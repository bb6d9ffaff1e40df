from __future__ import annotations

import json

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ValidationError

from conveyor import (
    AcceptanceUnknown,
    BrokerUnavailable,
    FileGone,
    InvalidRequest,
    LedgerUnavailable,
    SettingsError,
    StorageError,
    UnknownConversion,
)
from web import error_answers
from web.access import Access
from web.problems import Kind, Problem, ProblemResponse, errors_of

RAISED = {
    "invalid": InvalidRequest("The source is empty."),
    "unknown": UnknownConversion("No conversion has this id."),
    "broker": BrokerUnavailable("The broker at redis://10.0.0.7 did not take the message."),
    "ledger": LedgerUnavailable("Redis at redis://10.0.0.7 can't be reached."),
    "unclear": AcceptanceUnknown("Redis at redis://10.0.0.7 can't be reached."),
    "storage": StorageError("Can't write to s3://bucket-of-ours."),
    "gone": FileGone("The file is no longer in the storage."),
    "own": Problem(Kind.TOO_LARGE, "Too much.", {"X-More": "1"}),
    "settings": SettingsError("CONVEYOR_X is wrong"),
    "bug": ZeroDivisionError("a secret"),
}


@pytest.fixture
def app():
    app = FastAPI()
    app.add_middleware(Access)
    error_answers.install(app)

    @app.get("/raise/{name}")
    async def fail(name: str, number: int = 0) -> None:
        raise RAISED[name]

    @app.post("/raise/{name}")
    async def fail_too(name: str) -> None:
        raise RAISED[name]

    @app.get("/conversions")
    @app.post("/conversions")
    async def fail_as_told(name: str) -> None:
        raise RAISED[name]

    return app


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("/raise/invalid", Kind.INVALID_REQUEST, "The source is empty."),
        ("/raise/unknown", Kind.NOT_FOUND, "No conversion has this id."),
        ("/raise/broker", Kind.UNAVAILABLE, "The broker can't be reached."),
        ("/raise/ledger", Kind.UNAVAILABLE, "Redis can't be reached."),
        ("/raise/unclear", Kind.UNAVAILABLE, "may have been accepted"),
        ("/raise/storage", Kind.UNAVAILABLE, "The storage can't be used."),
        ("/raise/gone", Kind.NOT_FOUND, "The file is no longer in the storage."),
        ("/raise/own", Kind.TOO_LARGE, "Too much."),
        ("/raise/settings", Kind.INTERNAL, "This is a bug in Conveyor"),
        ("/raise/bug", Kind.INTERNAL, "This is a bug in Conveyor"),
        ("/nothing", Kind.NOT_FOUND, "There is nothing at this URL. See /docs for the API."),
        ("/raise/x?number=many", Kind.INVALID_REQUEST, "query.number"),
    ],
)
def test_an_error_is_reported_as_its_problem(app, ask, path, kind, words):
    answer = ask(app, "GET", path)

    assert answer.status == kind.status == answer.json()["status"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"/problems#{kind.slug}"
    assert words in answer.json()["detail"]
    assert "10.0.0.7" not in answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize("part", ["broker", "ledger", "storage"])
@pytest.mark.parametrize(
    ("method", "path", "is_denied"),
    [
        ("POST", "/conversions?name={}", True),
        ("GET", "/conversions?name={}", False),
        ("GET", "/raise/{}", False),
        # A replay whose answer was lost goes on.
        ("POST", "/raise/{}", False),
    ],
)
def test_only_of_a_conversion_is_it_said_that_nothing_was_accepted(
    *, app, ask, part, method, path, is_denied
):
    answer = ask(app, method, path.format(part))

    assert answer.status == 503
    assert ("Nothing was accepted" in answer.text) is is_denied
    assert answer.json()["detail"].endswith(". Try again later.")


def test_unknown_acceptance_is_not_reported_as_refused(app, ask):
    answer = ask(app, "POST", "/conversions?name=unclear")

    assert answer.status == 503
    assert "Nothing was accepted" not in answer.text
    assert "Idempotency-Key" in answer.text


def test_a_problem_may_have_headers(app, ask):
    assert ask(app, "GET", "/raise/own").headers["x-more"] == "1"


def test_another_method_is_refused_with_all_that_are_taken(app, ask):
    answer = ask(app, "PUT", "/raise/x")

    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")


def test_wrong_fields_are_named_and_their_values_are_not():
    class Order(BaseModel):
        to: str

    with pytest.raises(ValidationError) as raised:
        Order.model_validate({"to": ["secret"]})
    response = ProblemResponse(
        Kind.INVALID_REQUEST, "…", errors=errors_of(raised.value.errors(), "body")
    )

    assert json.loads(response.body)["errors"] == [
        {"field": "body.to", "message": "Input should be a valid string"}
    ]


def test_each_status_is_one_problem():
    assert len({kind.status for kind in Kind}) == len({kind.slug for kind in Kind}) == len(Kind)


@pytest.mark.parametrize("sign", ["x", "\x00", "\U0001f600", "\ud800", '"'])
def test_a_problem_is_short_whatever_was_sent(sign):
    long = sign * 1_000_000
    errors = errors_of([{"loc": (long, long), "msg": long}] * 1000, long)
    response = ProblemResponse(Kind.INVALID_REQUEST, long, errors=errors * 50)

    assert len(response.body) < 64 * 1024
    assert len(json.loads(response.body)["errors"]) == 20
