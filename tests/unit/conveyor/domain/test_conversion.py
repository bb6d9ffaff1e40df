from __future__ import annotations

import json

import pytest

from conveyor import (
    Conversion,
    ConversionCancelled,
    ConversionFailed,
    Event,
    Failure,
    FailureKind,
    Progress,
    Reason,
    Remedy,
    State,
    StoredFile,
)

FILE = StoredFile("a.pdf", "s3://b/results/1/a.pdf", 3, "00ff")
QUEUED = Conversion("c1", State.QUEUED, "docx", "pdf", created_at=1.5)
SUCCEEDED = Conversion(
    "c1",
    State.SUCCEEDED,
    "docx",
    "pdf",
    files=(FILE, FILE),
    cost=2,
    polls=3,
    submits=1,
    created_at=1.0,
    submitted_at=2.0,
    ready_at=3.0,
    finished_at=4.0,
)
FAILED = Conversion(
    "c1",
    State.FAILED,
    "docx",
    "pdf",
    failure=Failure(
        FailureKind.ACCOUNT, "No credits.", code=4014, status=401, reason=Reason.NO_BALANCE
    ),
)


@pytest.mark.parametrize("conversion", [QUEUED, SUCCEEDED, FAILED], ids=lambda it: it.state.value)
def test_a_result_goes_through_json_and_comes_back_the_same(conversion):
    # Celery's serializers differ; plain JSON is what every one of them can carry.
    assert Conversion.from_dict(json.loads(json.dumps(conversion.to_dict()))) == conversion


@pytest.mark.parametrize("conversion", [SUCCEEDED, FAILED], ids=lambda it: it.state.value)
def test_fields_of_a_later_release_are_passed_over(conversion):
    plain = conversion.to_dict() | {"pages": 3}
    plain["files"] = [file | {"pages": 3} for file in plain["files"]]
    plain["failure"] = plain["failure"] and plain["failure"] | {"pages": 3}

    assert Conversion.from_dict(plain) == conversion


@pytest.mark.parametrize(
    ("kind", "reason", "read"),
    [
        ("input", "too_many_pages", (FailureKind.INPUT, Reason.REFUSED)),
        ("service", "too_many_pages", (FailureKind.SERVICE, Reason.SERVICE)),
        ("weather", "password", (FailureKind.INTERNAL, Reason.PASSWORD)),
        ("weather", "rain", (FailureKind.INTERNAL, Reason.INTERNAL)),
    ],
)
def test_a_class_or_a_reason_of_a_later_release_is_read_as_the_nearest_known(kind, reason, read):
    plain = FAILED.to_dict()
    plain["failure"] |= {"kind": kind, "reason": reason}
    failure = Conversion.from_dict(plain).failure

    assert (failure.kind, failure.reason) == read


def test_a_failure_has_words_for_an_end_user_and_remedies():
    failure = Failure(FailureKind.INPUT, "It is protected.", 5003, 500, reason=Reason.PASSWORD)

    assert failure.sentence() == "This file is protected with a password."
    assert failure.sentence("de") == "Diese Datei ist mit einem Passwort geschützt."
    assert failure.advice() == "Enter the password and convert the file again."
    assert failure.remedies == (Remedy.GIVE_PASSWORD,)


def test_a_result_holds_plain_values_alone():
    def types(value):
        if isinstance(value, dict):
            return set().union(*map(types, value.values()), map(type, value))
        if isinstance(value, list):
            return set().union(*map(types, value))
        return {type(value)}

    assert types(SUCCEEDED.to_dict()) | types(FAILED.to_dict()) <= {
        str,
        int,
        float,
        dict,
        type(None),
    }


def test_a_failure_is_raised_with_all_that_is_known():
    with pytest.raises(ConversionFailed) as raised:
        FAILED.raise_if_failed()

    error = raised.value
    assert (error.message, error.code, error.status) == ("No credits.", 4014, 401)
    assert (error.kind, error.conversion_id) == ("account", "c1")
    assert error.kind == FailureKind.ACCOUNT
    assert error.reason is Reason.NO_BALANCE
    assert error.remedies == (Remedy.ASK_OPERATOR,)
    assert error.sentence("de") == "Wir können im Moment keine Dateien umwandeln."
    assert error.advice() == "Please let us know, so that we can repair it."


@pytest.mark.parametrize("conversion", [QUEUED, SUCCEEDED], ids=["queued", "succeeded"])
def test_success_raises_nothing(conversion):
    assert conversion.raise_if_failed() is None


@pytest.mark.parametrize("state", State)
def test_only_ends_are_final(state):
    ends = {State.SUCCEEDED, State.FAILED, State.EXPIRED, State.CANCELLED}

    assert state.is_final is (state in ends)


@pytest.mark.parametrize("state", State)
def test_only_those_that_ended_without_files_are_dead_letters(state):
    assert state.is_dead is (state in {State.FAILED, State.EXPIRED})


@pytest.mark.parametrize(
    ("state", "kind", "error"),
    [
        (State.CANCELLED, FailureKind.CANCELLED, ConversionCancelled),
        (State.FAILED, FailureKind.CANCELLED, ConversionFailed),
        (State.EXPIRED, FailureKind.EXPIRED, ConversionFailed),
    ],
)
def test_a_cancel_is_raised_as_such(state, kind, error):
    conversion = Conversion("c1", state, "docx", "pdf", failure=Failure(kind, "It is over."))

    with pytest.raises(error, match="It is over") as raised:
        conversion.raise_if_failed()
    assert type(raised.value) is error


def test_a_result_holds_these_fields_by_these_names():
    """Applications of another release read it."""
    assert FAILED.to_dict() == {
        "id": "c1",
        "state": "failed",
        "from_format": "docx",
        "to_format": "pdf",
        "files": [],
        "source_name": "",
        "metadata": {},
        "deadline_at": None,
        "cost": 0,
        "polls": 0,
        "submits": 0,
        "created_at": 0.0,
        "submitted_at": None,
        "ready_at": None,
        "finished_at": None,
        "failure": {
            "kind": "account",
            "message": "No credits.",
            "code": 4014,
            "status": 401,
            "answer": "",
            "reason": "no_balance",
            "remedies": ["ask_operator"],
        },
        "files_until": None,
    }
    assert SUCCEEDED.to_dict()["files"][1] == {
        "name": "a.pdf",
        "uri": "s3://b/results/1/a.pdf",
        "size": 3,
        "sha256": "00ff",
        "removed_at": None,
    }


def test_records_say_no_more_than_they_were_given():
    assert Failure(FailureKind.INPUT, "It broke.") == Failure(
        FailureKind.INPUT, "It broke.", code=0, status=0, answer=""
    )
    assert Event("1-0", "c1", State.QUEUED, 1.0).note == ""
    progress = Progress(State.QUEUED, 0, 0.0, None, None)
    assert (progress.note, progress.held, progress.late) == ("", False, False)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (State, "queued converting ready succeeded failed expired cancelled"),
        (
            FailureKind,
            "input service account expired storage possibly_paid unreadable internal cancelled",
        ),
        (
            Reason,
            (
                "password damaged empty nothing_found unsupported too_large unreachable missing "
                "parameters took_too_long refused no_balance credentials not_allowed "
                "conversion_failed service waited_too_long forgotten storage possibly_paid "
                "unreadable internal missed_deadline cancelled"
            ),
        ),
        (
            Remedy,
            (
                "give_password send_another_file send_again send_smaller_file check_address "
                "choose_another_format change_parameters allow_more_time try_again try_again_later "
                "ask_operator"
            ),
        ),
    ],
)
def test_states_and_kinds_keep_the_words_that_ledgers_and_applications_hold(kind, values):
    assert [each.value for each in kind] == values.split()
