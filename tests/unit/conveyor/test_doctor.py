from __future__ import annotations

import threading
import time

import pytest

from conveyor.diagnosis import answer, doctor
from conveyor.errors import StorageError


def test_passing_check_says_what_it_found():
    assert doctor.Part("part", lambda: "fine").check(1) == doctor.Check(
        "part", ok=True, detail="fine"
    )


def test_failing_check_uses_the_librarys_message():
    def fail():
        raise StorageError("Full. Make room.")

    assert doctor.Part("storage", fail).check(1) == doctor.Check(
        "storage", ok=False, detail="Full. Make room."
    )


def test_the_unexpected_is_named_without_its_text():
    def fail():
        raise RuntimeError("redis://:hush@host")

    check = doctor.Part("redis", fail).check(1)
    assert not check.ok
    assert "RuntimeError" in check.detail
    assert "hush" not in check.detail


def test_hanging_check_is_given_up():
    released = threading.Event()

    def hang():
        released.wait(60)
        return "too late"

    begun = time.monotonic()
    check = doctor.Part("broker", hang).check(0.05)
    released.set()
    assert time.monotonic() - begun < 30
    assert not check.ok
    assert "No answer within 0.05 s" in check.detail


def test_hanging_check_is_not_started_twice_and_may_recover():
    released = threading.Event()
    begun = []

    def hang():
        begun.append(threading.current_thread())
        released.wait(60)
        return "fine"

    part = doctor.Part("storage", hang)
    assert [part.check(0.01).ok for _ in range(3)] == [False] * 3
    assert len(begun) == 1

    released.set()
    begun[0].join()
    assert part.check(5).ok
    assert len(begun) == 2


def test_a_workers_report_bears_its_name():
    report = {
        "node": "worker@host",
        "checks": [
            {"name": "storage", "ok": True, "detail": "fine"},
            {"name": "api", "ok": False, "detail": "refused"},
            {"name": "host", "ok": True, "detail": "routed", "warning": True},
        ],
    }
    assert answer._read_report(report) == [
        doctor.Check("worker", ok=True, detail="answers", where="worker@host"),
        doctor.Check("storage", ok=True, detail="fine", where="worker@host"),
        doctor.Check("api", ok=False, detail="refused", where="worker@host"),
        doctor.Check("host", ok=True, detail="routed", where="worker@host", warning=True),
    ]


@pytest.mark.parametrize("report", [None, {}, {"node": "x", "checks": [{}]}])
def test_a_report_in_no_known_form_is_refused(report):
    with pytest.raises((TypeError, KeyError)):
        answer._read_report(report)
