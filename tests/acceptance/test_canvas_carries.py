"""What passes through a conversion's canvas, and how an application is told of its end."""

from __future__ import annotations

import uuid
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from celery import chain, chord, group
from kombu.exceptions import EncodeError

from conveyor import Conveyor, InvalidRequest, State

VALUES = (
    datetime(2026, 11, 26, 1, 2, 3, 456789, tzinfo=UTC),
    date(2026, 2, 28),
    time(23, 59, 1),
    uuid.UUID("12345678-1234-5678-1234-567812345678"),
    Decimal("10.10"),
    b"\xff\x00 bytes",
    b"text",
    {"nested": [Decimal("0.1"), {"deeper": date(2026, 1, 1)}]},
    # Of a type that the application has made known to kombu, and Conveyor's workers don't know.
    timedelta(days=1, microseconds=5),
)

# Celery logs how a task of the application fails, and so its errbacks are called.
pytestmark = pytest.mark.tracebacks("KeyError", "ChordError", "ContentDisallowed")


@pytest.fixture
def app_conveyor(stack, web_app):
    with closing(Conveyor(storage_url=stack.storage_url, celery_app=web_app.app)) as made:
        yield made


@pytest.fixture
def damaged(tmp_path):
    path = tmp_path / "damaged.docx"
    path.write_bytes(b"this is no docx")
    return path


@pytest.fixture
def notes(stack, until):
    """What the application's tasks have noted, of one kind and task id; waits for the first."""

    def find(kind, task_id=""):
        until(lambda: list(stack.directory.glob(f"{kind}--{task_id}--*.txt")))
        return [path.read_text() for path in stack.directory.glob(f"{kind}--{task_id}--*.txt")]

    return find


# -- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["link", "chain", "chord", "group in a chain"])
def test_arguments_of_what_comes_after_arrive_as_they_were(way, app_conveyor, web_app, document):
    expected = [repr(value) for value in (*VALUES, *VALUES)]
    callback = web_app.kinds_of.s(*VALUES, **{f"v{n}": it for n, it in enumerate(VALUES)})
    signature = app_conveyor.signature(document, to="html")
    if way == "link":
        linked_id = callback.freeze().id
        signature.apply_async(link=callback)
        result = web_app.app.AsyncResult(linked_id)
    elif way == "chain":
        result = chain(signature, callback).apply_async()
    elif way == "chord":
        result = chord([signature])(callback)
    else:
        result = chain(signature, group(callback, callback)).apply_async()

    found = result.get(timeout=90)
    assert (found[0] if way == "group in a chain" else found) == expected


def test_options_of_what_comes_after_arrive_as_they_were(app_conveyor, web_app, document):
    """Celery reads these itself, in the worker that sends the task on."""
    soon = datetime.now(UTC) + timedelta(hours=1)
    callback = web_app.names_of.s().set(expires=soon)

    work = chain(app_conveyor.signature(document, to="html"), callback)

    assert work.apply_async().get(timeout=90) == ["a.html"]


def test_value_that_no_message_carries_is_refused_where_it_is_sent(app_conveyor, web_app, document):
    with pytest.raises(EncodeError):
        app_conveyor.signature(document, to="html").apply_async(
            link=web_app.kinds_of.s({1, 2}), retry=False
        )


def test_message_that_no_worker_reads_is_reported(app_conveyor, document):
    result = app_conveyor.signature(document, to="html").apply_async(serializer="pickle")

    with pytest.raises(InvalidRequest, match="serializer='json'"):
        result.get(timeout=90)


# -- templates ----------------------------------------------------------------------------------


def test_signature_that_runs_twice_converts_twice(app_conveyor, document):
    signature = app_conveyor.signature(document, to="html")

    first = signature.apply_async().get(timeout=90)
    second = signature.clone().apply_async().get(timeout=90)

    assert first["id"] != second["id"]
    assert [first["state"], second["state"]] == ["succeeded", "succeeded"]


def test_chain_that_runs_twice_converts_twice(app_conveyor, web_app, document):
    work = chain(app_conveyor.signature(document, to="html"), web_app.names_of.s())

    assert [work.apply_async().get(timeout=90) for _ in range(2)] == [["a.html"], ["a.html"]]


def test_group_of_one_signature_twice(app_conveyor, document):
    signature = app_conveyor.signature(document, to="html")

    first, second = group(signature, signature).apply_async().get(timeout=90)

    assert first["id"] != second["id"]


def test_cancelled_run_leaves_the_source_for_the_next(app_conveyor, document):
    signature = app_conveyor.signature(document, to="html")
    result = signature.apply_async(countdown=2)
    result.revoke()
    ended = signature.apply_async()
    assert ended.get(timeout=90)["state"] == "succeeded"
    third = app_conveyor.handle(ended.id)
    third.cancel()

    assert signature.apply_async().get(timeout=90)["state"] == "succeeded"


# -- link_error ---------------------------------------------------------------------------------


def test_both_forms_of_an_errback_run_once(*, app_conveyor, web_app, damaged, notes, stack, until):
    result = app_conveyor.signature(damaged, to="html").apply_async(
        link_error=[
            web_app.note_documented.s(),
            web_app.note_failure.s(),
            web_app.note_bound.s(),
            web_app.note_with.s(word="more"),
            web_app.note_alone.si(),
        ]
    )

    (said,) = notes("documented", result.id)
    assert "damaged" in said
    assert said.endswith(" str")
    until((stack.directory / f"failed-{result.id}").exists)
    assert len(notes("bound-note_bound", result.id)) == 1
    assert len(notes("with-more", result.id)) == 1
    assert len(notes("alone")) == 1
    # What the handlers' messages fail with is not told to whoever waits.
    with pytest.raises(Exception, match="damaged") as raised:
        result.get(timeout=90)
    assert type(raised.value).__name__ == "ConversionFailed"


def test_errback_that_is_a_chain_begins_with_the_id(app_conveyor, web_app, damaged, notes):
    errback = chain(web_app.shout.s(), web_app.note_shouted.s())
    result = app_conveyor.signature(damaged, to="html").apply_async(link_error=errback)

    assert len(notes("shouted", result.id.upper())) == 1


def test_errback_that_is_a_group_begins_with_the_id(app_conveyor, web_app, damaged, notes):
    errback = group(web_app.note_shouted.s(), web_app.note_bound.s())
    result = app_conveyor.signature(damaged, to="html").apply_async(link_error=errback)

    assert len(notes("shouted", result.id)) == 1
    assert len(notes("bound-note_bound", result.id)) == 1


def test_errback_of_a_chords_body_runs(app_conveyor, web_app, document, damaged, notes):
    body = web_app.count.s().on_error(web_app.note_documented.s())
    header = [app_conveyor.signature(path, to="html") for path in (document, damaged)]

    result = chord(header)(body)

    (said,) = notes("documented", result.id)
    assert "damaged" in said


def test_errback_of_a_request_that_can_not_be_right(app_conveyor, web_app, notes):
    work = chain(web_app.source_for.s("/etc/passwd.txt"), app_conveyor.signature(to="pdf"))
    result = work.apply_async(link_error=web_app.note_documented.s())

    (said,) = notes("documented", result.id)
    assert "InvalidRequest" in said


def test_errback_runs_after_a_revocation(app_conveyor, web_app, damaged, notes):
    """Nothing that was said of the conversion's id is said of the errback's message."""
    app = app_conveyor.celery_app
    result_id = str(uuid.uuid4())
    app.control.revoke(["other", result_id + "-not"])
    result = app_conveyor.signature(damaged, to="html").apply_async(
        task_id=result_id, link_error=web_app.note_documented.s()
    )

    assert len(notes("documented", result.id)) == 1


# -- task ids of one's own ----------------------------------------------------------------------


@pytest.mark.parametrize("task_id", ["order-17", "ordér/17 ?#{}%2f../..", "x" * 200])
def test_task_id_of_ones_own_is_for_one_request(task_id, app_conveyor, document, until):
    signature = app_conveyor.signature(document, to="html")
    first = signature.apply_async(task_id=task_id)
    assert first.get(timeout=90)["id"] == task_id

    again = app_conveyor.signature(document, to="html").apply_async(task_id=task_id)
    app_conveyor.signature(document, to="txt").apply_async(task_id=task_id)

    until(lambda: first.backend.get_task_meta(task_id)["status"] == "FAILURE")
    with pytest.raises(InvalidRequest, match="different conversion"):
        app_conveyor.celery_app.AsyncResult(again.id).get(timeout=5)
    assert app_conveyor.get(task_id).state is State.SUCCEEDED


def test_two_ids_of_one_name_keep_their_files_apart(app_conveyor, document):
    results = [
        app_conveyor.signature(document, to="html")
        .apply_async(task_id=f"{part}/17")
        .get(timeout=90)
        for part in ("a", "b")
    ]

    first, second = (result["files"][0]["uri"] for result in results)
    assert first != second


@pytest.mark.parametrize("task_id", ["x" * 201, "two\nlines", "\0"])
def test_invalid_task_id_is_refused(task_id, app_conveyor, document):
    result = app_conveyor.signature(document, to="html").apply_async(task_id=task_id)

    with pytest.raises(InvalidRequest, match="printable"):
        result.get(timeout=90)
