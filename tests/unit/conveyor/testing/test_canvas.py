"""An application's canvas around the fake's conversions: eager, and with all in memory."""

from __future__ import annotations

from contextlib import closing
from uuid import uuid4

import pytest
from celery import Celery, chord, group

from conveyor import ConversionFailed, Conveyor, InvalidRequest, Reason, SettingsError, State
from conveyor.testing import CalledBack, FakeConveyor
from tests.unit.conveyor.testing.conftest import URL

PATIENCE_S = 60


def test_signature_of_an_eager_app_succeeds_at_once(eager, fake_of):
    fake = fake_of(eager.app)
    result = fake.signature(URL, to="pdf").apply_async(link=eager.mail.s("a@b"))

    assert result.get()["state"] == "succeeded"
    assert eager.mails == [("a@b", ["a.pdf"])]
    assert fake.get(result.id).state is State.SUCCEEDED
    fake.assert_enqueued(to="pdf", source=URL)


def test_chain_of_an_eager_app_goes_through_two_conversions(eager, fake_of):
    fake = fake_of(eager.app)
    chain = fake.signature(URL, to="docx") | fake.signature(to="pdf") | eager.mail.s("a@b")

    assert chain.apply_async().get() == "a@b"
    assert [each.sources for each in fake.enqueued] == [(URL,), ("a.docx",)]
    fake.assert_paid(2)


def test_chord_of_an_eager_app_collects_its_parts(eager, fake_of):
    fake = fake_of(eager.app)
    parts = [fake.signature(f"https://example.com/{name}.docx", to="pdf") for name in "ab"]

    assert chord(parts)(eager.collect.s()).get() == 2
    assert eager.mails == [["a.docx", "b.docx"]]


def test_planned_failure_of_an_eager_app_calls_both_forms_of_errback(eager, fake_of):
    fake = fake_of(eager.app)
    fake.will_fail(Reason.PASSWORD)
    result = fake.signature(URL, to="pdf").apply_async(
        link_error=[eager.sorry.s(), eager.sorry_by_id.s()]
    )

    assert isinstance(result.result, ConversionFailed)
    assert eager.mails == [(result.id, Reason.PASSWORD), result.id]


def test_repeated_task_id_is_the_same_conversion_and_another_request_is_refused(eager, fake_of):
    fake, task_id = fake_of(eager.app), str(uuid4())
    ids = {fake.signature(URL, to="pdf").apply_async(task_id=task_id).id for _ in range(2)}
    other = fake.signature(URL, to="png").apply_async(task_id=task_id)

    assert (ids, len(fake.enqueued)) == ({task_id}, 1)
    assert isinstance(other.result, InvalidRequest)


def test_group_of_an_app_in_memory_has_the_results_of_its_parts(in_memory, fake_of):
    fake = fake_of(in_memory.app)
    results = group(fake.signature(URL, to=to) for to in ("pdf", "png")).apply_async()
    for part in fake.enqueued:
        fake.succeed(part)

    assert [result["to_format"] for result in results.get(timeout=PATIENCE_S)] == ["pdf", "png"]


def test_result_of_convert_is_in_memory_too(in_memory, fake_of):
    fake = fake_of(in_memory.app)
    handle = fake.convert(URL, to="pdf")
    fake.succeed(handle)

    result = in_memory.app.AsyncResult(handle.id).get(timeout=PATIENCE_S)
    assert result == handle.get().to_dict()


def test_callbacks_of_convert_run_in_an_eager_app_and_a_key_has_them_run_once(eager, fake_of):
    fake = fake_of(eager.app)
    good, again = (
        fake.convert(URL, to="pdf", idempotency_key="k", on_success=eager.mail.s("a@b"))
        for _click in range(2)
    )
    bad = fake.convert(URL, to="pdf", on_failure=[eager.sorry.s(), eager.sorry_by_id.s()])
    fake.succeed(good)
    fake.fail(bad, Reason.PASSWORD)

    assert good.id == again.id
    assert eager.mails == [("a@b", ["a.pdf"]), (bad.id, Reason.PASSWORD), bad.id]


def test_exception_of_a_callback_that_propagates_is_the_tests(eager, fake_of):
    @eager.app.task(shared=False, name="shop.broken")
    def broken(result):
        raise LookupError(result["id"])

    eager.app.conf.task_eager_propagates = True
    fake = fake_of(eager.app)
    handle = fake.convert(URL, to="pdf", on_success=broken.s())
    with pytest.raises(LookupError, match=handle.id):
        fake.succeed(handle)

    assert handle.state is State.SUCCEEDED


def test_callback_without_an_app_is_noted(fake):
    mail = Celery("shop", set_as_current=False).signature("shop.mail", args=("a@b",))
    result = fake.signature(URL, to="pdf").apply_async(link=mail)
    conversion = fake.succeed(result.id)

    assert fake.called_back == [CalledBack("shop.mail", (conversion.to_dict(), "a@b"), {})]


def test_closed_fake_gives_the_app_back(eager):
    with closing(FakeConveyor(eager.app)) as fake:
        fake.signature(URL, to="pdf")
        assert "conveyor.submit" in eager.app.tasks

    assert "conveyor.submit" not in eager.app.tasks


def test_app_that_would_ask_a_server_is_refused():
    app = Celery("shop", broker="redis://127.0.0.1:1/0", set_as_current=False)

    with pytest.raises(SettingsError, match="task_always_eager=True, or broker_url='memory://'"):
        FakeConveyor(app)


def test_eager_app_of_the_real_one_is_told_of_the_test_kit():
    broker = "redis://127.0.0.1:1/0"
    app = Celery("shop", broker=broker, backend=broker, set_as_current=False)
    app.conf.task_always_eager = True

    with pytest.raises(SettingsError, match=r"conveyor\.testing\.FakeConveyor"):
        Conveyor(celery_app=app).signature(URL, to="pdf")
