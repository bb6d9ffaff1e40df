"""A conversion is an ordinary Celery task to its caller."""

from __future__ import annotations

import pytest
from celery import chain, chord, group

from conveyor import ConversionFailed, Conveyor, State

# Celery logs how a task of the application fails, and so its errbacks are called.
pytestmark = pytest.mark.tracebacks("KeyError", "ChordError")


@pytest.fixture
def app_conveyor(stack, web_app):
    """As a web application with a Celery app of its own makes it."""
    return Conveyor(storage_url=stack.storage_url, celery_app=web_app.app)


def test_chain_continues_in_the_callers_worker(app_conveyor, web_app, document):
    work = chain(app_conveyor.signature(document, to="html"), web_app.names_of.s())

    assert work.apply_async().get(timeout=90) == ["a.html"]


def test_chord_of_five(stack, app_conveyor, web_app, tmp_path, unacknowledged):
    documents = [tmp_path / f"{number}.md" for number in range(5)]
    for document in documents:
        document.write_text(f"# {document.stem}")
    header = [app_conveyor.signature(document, to="html") for document in documents]

    result = chord(header)(web_app.count.s())

    assert result.get(timeout=90) == [f"{number}.html" for number in range(5)]
    assert unacknowledged(stack) == 0


def test_group(app_conveyor, document):
    work = group(app_conveyor.signature(document, to=target) for target in ("html", "txt"))

    results = work.apply_async().get(timeout=90)

    assert [result["files"][0]["name"] for result in results] == ["a.html", "a.txt"]


def test_conversion_feeds_conversion(app_conveyor, web_app, document):
    work = chain(
        app_conveyor.signature(document, to="pdf"),
        app_conveyor.signature(to="png"),
        web_app.names_of.s(),
    )

    assert work.apply_async().get(timeout=90) == ["a.png"]


def test_conversion_at_the_end_of_a_chain_has_a_result(app_conveyor, document):
    work = chain(app_conveyor.signature(document, to="html"), app_conveyor.signature(to="txt"))

    assert work.apply_async().get(timeout=90)["files"][0]["name"] == "a.txt"


def test_source_comes_from_the_task_before(stack, app_conveyor, web_app, document):
    staged = app_conveyor.stage(document.name, [document.read_bytes()]).uri
    work = chain(web_app.source_for.s(staged), app_conveyor.signature(to="html"))

    assert work.apply_async().get(timeout=90)["state"] == "succeeded"


def test_link_runs_with_the_result(app_conveyor, web_app, document):
    linked = web_app.names_of.s()
    linked_id = linked.freeze().id
    app_conveyor.signature(document, to="html").apply_async(link=linked)

    assert web_app.app.AsyncResult(linked_id).get(timeout=90) == ["a.html"]


def test_failure_raises_in_get_and_runs_link_error(
    *, stack, sandbox, app_conveyor, web_app, document, until
):
    with sandbox.faults(error_5001=1.0):
        result = app_conveyor.signature(document, to="html").apply_async(
            link_error=web_app.note_failure.s()
        )
        with pytest.raises(ConversionFailed) as raised:
            result.get(timeout=90)

    assert (raised.value.code, raised.value.status) == (5001, 500)
    assert app_conveyor.get(result.id).state is State.FAILED
    noted = stack.directory / f"failed-{result.id}"
    until(noted.exists)


def test_failed_member_fails_the_chord(sandbox, app_conveyor, web_app, document, tmp_path):
    damaged = tmp_path / "damaged.docx"
    damaged.write_bytes(b"this is no docx")
    header = [app_conveyor.signature(path, to="html") for path in (document, damaged)]

    result = chord(header)(web_app.count.s())

    with pytest.raises(ConversionFailed, match="damaged"):
        result.get(timeout=90)


def test_callers_id_is_the_conversions_id(conveyor, document):
    handle = conveyor.convert(document, to="html")
    result = conveyor.celery_app.AsyncResult(handle.id).get(timeout=90)

    assert result["id"] == handle.id
    assert result == handle.wait(timeout=5).to_dict()
