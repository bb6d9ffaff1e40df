"""What fails is kept, explained, raised to its caller, and can be tried again."""

from __future__ import annotations

import pytest

from conveyor import ConversionFailed, FailureKind, InvalidRequest, State, UnknownConversion


def test_conversion_error_becomes_a_dead_letter_and_its_replay_succeeds(
    sandbox, conveyor, document
):
    with sandbox.faults(error_5001=1.0):
        handle = conveyor.convert(document, to="html")
        with pytest.raises(ConversionFailed) as raised:
            handle.wait(timeout=90)
        with pytest.raises(ConversionFailed, match="5001"):
            conveyor.celery_app.AsyncResult(handle.id).get(timeout=90)

    assert (raised.value.code, raised.value.kind) == (5001, FailureKind.SERVICE)
    assert handle.id in {letter.id for letter in conveyor.dead_letters.list()}
    assert conveyor.dead_letters.costs(handle.id)

    conveyor.dead_letters.replay(handle.id)
    done = handle.wait(timeout=90)

    assert done.state is State.SUCCEEDED
    assert handle.id not in {letter.id for letter in conveyor.dead_letters.list()}
    with pytest.raises(UnknownConversion):
        conveyor.dead_letters.show(handle.id)


def test_a_class_is_replayed_with_more_time(sandbox, conveyor, document):
    with sandbox.faults(error_5000=1.0):
        slow = [conveyor.convert(document, to="html") for _ in range(3)]
        for handle in slow:
            with pytest.raises(ConversionFailed, match="longer Timeout"):
                handle.wait(timeout=90)
    with sandbox.faults(error_5003=1.0):
        locked = conveyor.convert(document, to="html")
        with pytest.raises(ConversionFailed, match="Password"):
            locked.wait(timeout=90)

    letters = conveyor.dead_letters
    groups = {(group.kind, group.count) for group in letters.groups()}
    assert groups >= {(FailureKind.SERVICE, 3), (FailureKind.INPUT, 1)}
    assert {group.account for group in letters.groups()} == {letters.groups()[0].account}
    found = [letter.id for letter in letters.list(kind=FailureKind.SERVICE)]
    assert found == [handle.id for handle in sorted(slow, key=lambda one: one.get().finished_at)]
    assert letters.costs_of(found) == dict.fromkeys(found, True)

    with pytest.raises(InvalidRequest, match="from 10 to 1200"):
        letters.replay(slow[0].id, timeout=1201)
    for conversion_id in found:
        letters.replay(conversion_id, timeout=1200)
    assert {handle.wait(timeout=90).state for handle in slow} == {State.SUCCEEDED}
    assert [letter.id for letter in letters.list()] == [locked.id]
    letters.purge(older_than_s=0)


def test_purge_forgets_the_letter_and_its_staged_source(
    *, stack, sandbox, conveyor, document, until
):
    with sandbox.faults(error_5001=1.0):
        handle = conveyor.convert(document, to="html")
        with pytest.raises(ConversionFailed):
            handle.wait(timeout=90)
    staged = stack.directory / "files" / "staged"
    assert list(staged.rglob("a.md"))

    assert conveyor.dead_letters.purge(older_than_s=0) >= 1

    assert conveyor.dead_letters.list() == []
    until(lambda: not list(staged.rglob("a.md")))


def test_a_second_replay_of_the_same_letter_changes_nothing(sandbox, conveyor, document):
    with sandbox.faults(error_5001=1.0):
        handle = conveyor.convert(document, to="html")
        with pytest.raises(ConversionFailed):
            handle.wait(timeout=90)
    conveyor.dead_letters.replay(handle.id)

    with pytest.raises(UnknownConversion, match=r"conveyor dead list"):
        conveyor.dead_letters.replay(handle.id)
    assert handle.wait(timeout=90).state is State.SUCCEEDED


def test_lost_submit_answers_are_paid_once(sandbox, conveyor, document, audit_at_rest):
    with sandbox.faults(lost_submit=1.0):
        handles = [conveyor.convert(document, to="html") for _ in range(10)]
        done = [handle.wait(timeout=90) for handle in handles]
    after = sandbox.audit()

    assert {conversion.state for conversion in done} == {State.SUCCEEDED}
    assert after["paid"] - audit_at_rest["paid"] == 10
    assert after["violations"] == 0
