from __future__ import annotations

import pytest
from pydantic import ValidationError

from conveyor import (
    Conversion,
    Failure,
    FailureKind,
    Progress,
    Reason,
    State,
    Status,
    StoredFile,
)
from web.answers import ConversionAnswer, DeadLetterAnswer
from web.models import ConversionOrder, ReplayOrder, rfc3339

WAITING = Progress(State.QUEUED, polls=0, elapsed_s=0.0, expected_s=None, fraction=0.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1764018000.123, "2025-11-24T21:00:00.123Z"),
        (1764018000, "2025-11-24T21:00:00.000Z"),
        (0.0, "1970-01-01T00:00:00.000Z"),
    ],
)
def test_times_are_utc_with_milliseconds(seconds, text):
    assert rfc3339(seconds) == text


def test_one_that_takes_longer_than_usual_has_words_and_no_fraction():
    late = Progress(State.CONVERTING, 3, 20.0, expected_s=8.0, fraction=None, late=True)
    conversion = Conversion("6f1c", State.CONVERTING, "docx", "pdf")
    told = ConversionAnswer.of(Status(conversion, late)).model_dump(mode="json")["progress"]

    assert (told["late"], told["fraction"]) == (True, None)


def test_a_file_is_found_under_its_address_whatever_its_name():
    file = StoredFile("a b/ü?.pdf", "file:///secret/place", 3, "ab" * 32)
    conversion = Conversion("6f 1c", State.SUCCEEDED, "docx", "pdf", files=(file,))
    answer = ConversionAnswer.of(Status(conversion, WAITING))

    assert answer.files[0].href == "/conversions/6f%201c/files/a%20b%2F%C3%BC%3F.pdf"
    assert "secret" not in answer.model_dump_json()


def test_failure_says_who_can_act_why_and_what_in_the_words_of_its_reader():
    failure = Failure(FailureKind.INPUT, "It is protected.", 5003, 500, reason=Reason.PASSWORD)
    conversion = Conversion("6f1c", State.FAILED, "docx", "pdf", failure=failure)
    answer = ConversionAnswer.of(Status(conversion, WAITING), "de")

    assert answer.model_dump(mode="json")["failure"] == {
        "kind": "input",
        "reason": "password",
        "remedies": ["give_password"],
        "sentence": "Diese Datei ist mit einem Passwort geschützt.",
        "advice": "Geben Sie das Passwort ein und wandeln Sie die Datei noch einmal um.",
        "language": "de",
        "code": 5003,
        "status": 500,
        "message": "It is protected.",
    }


@pytest.mark.parametrize(
    "order",
    [
        '{"source": "https://a.example/a.docx", "to": "pdf", "more": 1}',
        '{"source": "https://a.example/a.docx", "to": "p/df"}',
        '{"source": "https://a.example/a.docx", "to": "pdf\\n"}',
        '{"source": "https://a.example/a.docx", "to": 1}',
        '{"source": [], "to": "pdf"}',
        '{"source": 1, "to": "pdf"}',
        '{"source": "https://a.example/a.docx", "to": "pdf", "params": {"A": NaN}}',
        '{"source": "https://a.example/a.docx", "to": "pdf", "params": {"A": [1]}}',
        '{"source": "https://a.example/a.docx", "to": "pdf", "params": {"A b": 1}}',
        '{"source": "\\ud800", "to": "pdf"}',
        "[" * 100_000,
        "",
        "null",
    ],
    ids=lambda order: order[:60],
)
def test_an_order_that_is_wrong_is_refused(order):
    with pytest.raises(ValidationError):
        ConversionOrder.model_validate_json(order, strict=True)


def test_parameters_keep_their_kinds():
    text = '{"source": "a", "to": "pdf", "params": {"A": 1, "B": true, "C": "1", "D": 1.5}}'
    params = ConversionOrder.model_validate_json(text, strict=True).params

    assert list(map(type, params.values())) == [int, bool, str, float]


@pytest.mark.parametrize(
    "model", [ConversionAnswer, ConversionOrder, DeadLetterAnswer, ReplayOrder]
)
def test_an_example_is_one(model):
    for example in model.model_config["json_schema_extra"]["examples"]:
        assert model.model_validate(example)


@pytest.mark.parametrize(("given", "timeout"), [("31", 31), ("31.0", 31), ("null", None)])
def test_a_whole_number_is_one_however_it_is_written(given, timeout):
    order = ReplayOrder.model_validate_json(f'{{"timeout": {given}}}', strict=True)

    assert order.timeout == timeout


@pytest.mark.parametrize("given", ["31.5", '"31"', "true", "9", "1201", "1e9"])
def test_another_is_refused(given):
    with pytest.raises(ValidationError):
        ReplayOrder.model_validate_json(f'{{"timeout": {given}}}', strict=True)
