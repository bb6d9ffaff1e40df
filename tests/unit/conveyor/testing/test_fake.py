"""What a test does with a fake: it says what happens, and asks what was enqueued and paid."""

from __future__ import annotations

import asyncio
import pickle
import threading
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from conveyor import (
    ConversionFailed,
    Conveyor,
    FileGone,
    Reason,
    State,
    UnknownConversion,
    WaitTimeout,
)
from conveyor.testing import FakeConveyor, NothingPlanned, NotInFake, NotUnderWay
from tests.unit.conveyor.testing.conftest import URL

DAY_S = 24 * 3600
ENDS = [each for each in Reason if each not in (Reason.CANCELLED, Reason.MISSED_DEADLINE)]


def test_fake_is_a_conveyor():
    assert issubclass(FakeConveyor, Conveyor)


def test_files_are_what_the_test_says(fake):
    conversion = fake.succeed(fake.convert(URL, to="pdf"), {"a.pdf": b"one", "a (2).pdf": b"two"})

    assert [b"".join(fake.storage.read(file.uri)) for file in conversion.files] == [b"one", b"two"]
    assert [file.name for file in conversion.files] == ["a.pdf", "a (2).pdf"]


def test_file_is_made_up_where_the_test_says_nothing(fake):
    (file,) = fake.succeed(fake.convert(URL, to="pdf")).files

    assert (file.name, file.size > 0) == ("a.pdf", True)


@pytest.mark.parametrize("reason", ENDS)
def test_failure_of_a_reason_is_the_real_one(fake, reason):
    conversion = fake.fail(fake.convert(URL, to="pdf"), reason)
    failure = conversion.failure

    assert (failure.reason, conversion.state.is_dead) == (reason, True)
    assert (failure.sentence("de"), failure.advice()) == (reason.sentence("de"), reason.advice())


def test_cancelled_is_a_reason_too(fake):
    assert fake.fail(fake.convert(URL, to="pdf"), Reason.CANCELLED).state is State.CANCELLED


def test_operators_message_is_the_tests(fake):
    assert fake.fail(fake.convert(URL, to="pdf"), Reason.PASSWORD, "So.").failure.message == "So."


def test_what_has_ended_does_not_end_again(fake):
    handle = fake.convert(URL, to="pdf")
    fake.succeed(handle)

    with pytest.raises(NotUnderWay, match=f"The conversion {handle.id} has ended: it is succeeded"):
        fake.fail(handle, Reason.DAMAGED)


def test_started_conversion_is_converting(fake):
    handle = fake.convert(URL, to="pdf")

    assert fake.start(handle.id).state is State.CONVERTING
    assert fake.succeed(handle).submits == 1


def test_enqueued_tells_what_was_asked(fake):
    staged = fake.stage("report.docx", [b"words"])
    asked = {"params": {"PageRange": "1-3"}, "metadata": {"order": 7}, "idempotency_key": "k"}
    handle = fake.convert([staged], to="pdf", **asked)
    found = fake.assert_enqueued(to="pdf", source="report.docx", params={"PageRange": "1-3"})

    assert fake.enqueued == [found]
    assert (found.id, found.from_format, found.sources) == (handle.id, "docx", ("report.docx",))
    assert (found.metadata, found.idempotency_key) == ({"order": 7}, "k")


def test_assertion_that_fails_lists_what_was_enqueued(fake):
    fake.assert_nothing_enqueued()
    fake.convert(URL, to="pdf")

    with pytest.raises(
        AssertionError, match=r"Enqueued were:\n  https://example\.com/a\.docx to pdf"
    ):
        fake.assert_enqueued(to="png")
    with pytest.raises(AssertionError, match=r"a\.docx to pdf"):
        fake.assert_nothing_enqueued()


def test_nothing_enqueued_is_said_so(fake):
    with pytest.raises(AssertionError, match="Nothing was enqueued"):
        fake.assert_enqueued(to="pdf")


def test_double_click_is_one_conversion_and_paid_once(fake):
    ids = {fake.convert(URL, to="pdf", idempotency_key="click").id for _click in range(2)}
    fake.succeed(*ids)

    assert len(fake.enqueued) == 1
    fake.assert_paid(1)
    with pytest.raises(AssertionError, match="1 jobs were paid, not 2"):
        fake.assert_paid(2)


def test_key_is_free_again_after_a_week(fake):
    first = fake.convert(URL, to="pdf", idempotency_key="click")
    fake.advance(7 * DAY_S + 1)

    assert fake.convert(URL, to="pdf", idempotency_key="click").id != first.id


@pytest.mark.parametrize(
    ("reason", "paid"),
    [(Reason.DAMAGED, 0), (Reason.STORAGE, 1), (Reason.UNREADABLE, 1), (Reason.POSSIBLY_PAID, 1)],
)
def test_failure_is_paid_where_the_service_has_charged(fake, reason, paid):
    fake.fail(fake.convert(URL, to="pdf"), reason)

    fake.assert_paid(paid)


def test_replay_of_an_unstored_result_costs_nothing(fake):
    handle = fake.convert(URL, to="pdf")
    fake.fail(handle, Reason.STORAGE)
    costs = fake.dead_letters.costs(handle.id)
    fake.dead_letters.replay(handle.id)
    fake.succeed(handle)

    assert (costs, fake.paid) == (False, 1)


def test_replay_of_a_damaged_document_is_paid_again(fake):
    handle = fake.convert(URL, to="pdf")
    fake.fail(handle, Reason.DAMAGED, cost=1)
    fake.dead_letters.replay(handle.id)
    fake.succeed(handle)

    fake.assert_paid(2)


# -- the clock -----------------------------------------------------------------------------------


def test_clock_begins_where_the_test_says_and_stands_still():
    fake = FakeConveyor(now=datetime(2030, 1, 1, tzinfo=UTC))
    handle = fake.convert(URL, to="pdf")
    fake.advance(60)

    assert fake.get(handle.id).created_at == pytest.approx(1893456000, abs=0.01)
    assert fake.status(handle.id).progress.elapsed_s == pytest.approx(60, abs=0.01)


def test_planned_end_comes_with_the_clock(fake):
    fake.will_succeed({"a.pdf": b"%PDF"}, to="pdf", after=20)
    fake.will_fail(Reason.PASSWORD, to="png", after=10)
    pdf, png = (fake.convert(URL, to=to) for to in ("pdf", "png"))

    fake.advance(15)
    assert (pdf.state, png.state) == (State.QUEUED, State.FAILED)
    fake.advance(5)
    assert pdf.state is State.SUCCEEDED
    assert pdf.get().finished_at - pdf.get().created_at == pytest.approx(20, abs=0.01)


def test_latest_plan_counts(fake):
    fake.will_fail(Reason.DAMAGED)
    fake.will_succeed()
    handle = fake.convert(URL, to="pdf")
    fake.advance(0)

    assert handle.state is State.SUCCEEDED


def test_wait_goes_on_to_the_planned_end(fake):
    fake.will_succeed(after=3600)

    assert fake.convert(URL, to="pdf").wait().state is State.SUCCEEDED


def test_wait_ends_when_its_time_on_the_clock_is_over(fake):
    handle, before = fake.convert(URL, to="pdf"), fake.now
    with pytest.raises(WaitTimeout, match="is still queued after 30 s"):
        handle.wait(timeout=30)

    assert fake.now - before == pytest.approx(30, abs=0.01)


def test_wait_for_ever_without_a_plan_fails_at_once(fake):
    handle = fake.convert(URL, to="pdf")
    with pytest.raises(NothingPlanned, match=r"fake\.will_succeed"):
        handle.wait()
    with pytest.raises(NothingPlanned):
        list(handle.events())


def test_queued_conversion_fails_when_its_patience_is_over(fake):
    handle = fake.convert(URL, to="pdf")
    fake.advance(2 * 3600 + 1)

    assert handle.get().failure.reason is Reason.WAITED_TOO_LONG


def test_conversion_is_cancelled_unpaid_by_its_deadline(fake):
    late, early = (fake.convert(URL, to="pdf", deadline=60) for _ in range(2))
    fake.start(early)
    fake.advance(61)

    assert (late.state, early.state) == (State.CANCELLED, State.CONVERTING)
    assert late.get().failure.reason is Reason.MISSED_DEADLINE
    fake.assert_paid(0)
    with pytest.raises(NotUnderWay, match="with a deadline"):
        fake.fail(early, Reason.MISSED_DEADLINE)


def test_files_are_removed_when_their_life_is_over(fake):
    handle = fake.convert(URL, to="pdf", keep="1d")
    (file,) = fake.succeed(handle).files
    fake.advance(DAY_S - 60)
    assert list(fake.storage.read(file.uri))
    fake.advance(120)

    (removed,) = handle.get().files
    assert removed.removed_at == pytest.approx(handle.get().finished_at + DAY_S, abs=1)
    with pytest.raises(FileGone):
        list(fake.storage.read(file.uri))


def test_started_conversion_expires_with_its_job(fake):
    handle = fake.convert(URL, to="pdf")
    fake.start(handle)
    fake.advance(3 * 3600)

    assert (handle.state, handle.get().failure.reason) == (State.EXPIRED, Reason.FORGOTTEN)


def test_finished_conversion_is_forgotten_after_a_week_and_a_dead_letter_is_not(fake):
    good, bad = (fake.convert(URL, to="pdf") for _ in range(2))
    fake.succeed(good)
    fake.fail(bad, Reason.DAMAGED)
    fake.advance(7 * DAY_S + 1)

    assert bad.state is State.FAILED
    with pytest.raises(UnknownConversion):
        fake.get(good.id)


def test_held_account_keeps_what_is_queued_and_says_why(fake):
    fake.succeed(fake.convert(URL, to="pdf"))
    handle = fake.convert(URL, to="pdf")
    fake.hold("The balance is used up.")

    assert "on hold: The balance is used up." in handle.progress().note
    assert (fake.resume("fake"), handle.progress().note) == (True, "")


# -- callbacks over HTTP ---------------------------------------------------------------------------


def test_callback_reaches_a_receiver_of_the_test_signed(fake):
    handle = fake.convert(URL, to="pdf", callback="https://shop.example/hooks")
    fake.succeed(handle, {"a.pdf": b"%PDF"})
    got = []
    sent = fake.send_callbacks(lambda *message: got.append(message) or 204)
    ((url, headers, body),) = got

    assert (sent, url) == (1, "https://shop.example/hooks")
    assert Webhook(fake.callback_secret).verify(body, headers)["data"]["id"] == handle.id
    assert (fake.send_callbacks(lambda *_message: 204), fake.callbacks.counts().pending) == (0, 0)


def test_callback_that_is_refused_comes_again_on_the_clock_and_a_410_ends_it(fake):
    fake.succeed(fake.convert(URL, to="pdf", callback="https://shop.example/hooks"))
    answers = iter([503, 410])
    counts = [fake.send_callbacks(lambda *_message: next(answers)) for _ in range(2)]
    fake.advance(3600)
    counts.append(fake.send_callbacks(lambda *_message: next(answers)))
    fake.advance(DAY_S)

    assert counts == [1, 0, 1]
    assert fake.send_callbacks(lambda *_message: 204) == 0


# -- in event loops and threads --------------------------------------------------------------------


def test_follower_in_an_event_loop_sees_what_the_test_says(fake):
    async def run():
        handle = await fake.aconvert(URL, to="pdf")
        waiting = asyncio.create_task(handle.await_())
        await asyncio.sleep(0)
        fake.succeed(handle)
        assert (await waiting).state is State.SUCCEEDED
        assert [event.state async for event in handle.aevents()][-1] is State.SUCCEEDED

    asyncio.run(run())


def test_wait_in_an_event_loop_ends_on_the_clock(fake):
    async def run():
        handle = await fake.aconvert(URL, to="pdf")
        with pytest.raises(WaitTimeout, match="after 30 s"):
            await handle.await_(timeout=30)
        fake.will_fail(Reason.PASSWORD, after=5)
        with pytest.raises(ConversionFailed):
            await (await fake.aconvert(URL, to="pdf")).await_()

    asyncio.run(run())


def test_follower_is_woken_from_another_thread(fake):
    async def run():
        handle = await fake.aconvert(URL, to="pdf")
        seen = []
        async for event in handle.aevents():
            seen.append(event.state)
            if event.state is State.QUEUED:
                threading.Thread(target=fake.succeed, args=(handle,)).start()
        assert seen[-1] is State.SUCCEEDED

    asyncio.run(run())


def test_same_key_in_many_threads_is_one_conversion(fake):
    ids = []
    clicks = [
        threading.Thread(
            target=lambda: ids.append(fake.convert(URL, to="pdf", idempotency_key="k").id)
        )
        for _ in range(8)
    ]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()

    assert (len(ids), len(set(ids)), len(fake.enqueued)) == (8, 1, 1)


# -- two of them, and what there is not ----------------------------------------------------------


def test_two_fakes_know_nothing_of_each_other(fake):
    handle = fake.convert(fake.stage("a.docx", [b"words"]), to="pdf")
    fake.succeed(handle)
    other = FakeConveyor.from_env()

    assert other.list().conversions == ()
    other.close()
    assert b"".join(fake.storage.read(handle.get().files[0].uri))


def test_fake_does_not_leave_its_process(fake):
    with pytest.raises(NotInFake, match="conveyor_stack"):
        pickle.dumps(fake)
