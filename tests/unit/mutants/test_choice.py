from __future__ import annotations

import pytest

from mutants.fault import Fault, Scope
from mutants.seen import IMPORT, Seen, SeenBy

UNIT = "tests/unit/conveyor/domain/test_a.py::test_quick"
OTHER = "tests/unit/conveyor/test_b.py::test_other"
SLOW = "tests/integration/ledger/test_a.py::test_slow"
ELSEWHERE = "tests/integration/ledger/test_c.py::test_elsewhere"


def _lines(*numbers):
    return f"{sum(1 << number for number in numbers):x}"


@pytest.fixture
def seen_by(tmp_path):
    (tmp_path / "a.py").write_text("LIMIT = 3\n\ndef f():\n    return g()\n")
    (tmp_path / "b.py").write_text("from a import LIMIT\n\ndef h():\n    return LIMIT\n")
    seen = {
        SLOW: Seen(3.0, 1.0, {"a.py": _lines(4)}, ["claim"]),
        OTHER: Seen(0.2, 0.0, {"b.py": _lines(4)}, []),
        UNIT: Seen(0.1, 0.0, {"a.py": _lines(4)}, []),
        ELSEWHERE: Seen(0.1, 0.0, {"b.py": _lines(3)}, ["claim"]),
    }
    return lambda most_s=60.0: SeenBy(tmp_path, seen, most_s)


def _fault(path, *lines, names=()):
    return Fault(path, 0, 1, "", "", Scope(frozenset(lines), frozenset(names)))


def test_tests_that_run_a_line_are_chosen_the_fastest_tier_first(seen_by):
    chosen = seen_by().choose(_fault("a.py", 4))

    assert chosen.tests == (UNIT, SLOW)
    assert chosen.left_out == 0


def test_line_that_nothing_runs_has_no_tests(seen_by):
    assert seen_by().choose(_fault("a.py", 2)).tests == ()
    assert seen_by().choose(_fault("unknown.py", 1)).tests == ()


def test_constant_is_tried_on_who_uses_its_name_elsewhere_and_on_its_modules_own_tests(seen_by):
    chosen = seen_by().choose(_fault("a.py", names=["LIMIT"]))

    assert set(chosen.tests) == {OTHER, UNIT, SLOW}


def test_constant_that_nobody_names_is_tried_on_those_who_run_its_module(seen_by):
    chosen = seen_by().choose(_fault("a.py", names=["UNKNOWN"]))

    assert set(chosen.tests) == {UNIT, SLOW}


def test_function_that_runs_while_its_module_is_imported_is_tried_on_who_runs_the_module(tmp_path):
    (tmp_path / "a.py").write_text("def f():\n    return 1\n\nX = f()\n\ndef g():\n    return X\n")
    seen = {
        UNIT: Seen(0.1, 0.0, {"a.py": _lines(7)}, []),
        f"tests/unit/conveyor/domain/test_a.py{IMPORT}": Seen(0.0, 0.0, {"a.py": _lines(2, 4)}, []),
    }
    seen_by = SeenBy(tmp_path, seen, 60.0)

    assert seen_by.choose(_fault("a.py", 2)).tests == (UNIT,)
    assert seen_by.choose(_fault("a.py", 3)).tests == ()


def test_script_is_tried_on_those_who_have_it_run(seen_by):
    chosen = seen_by().choose(_fault("conveyor/ledger/scripts/claim.lua"))

    assert set(chosen.tests) == {SLOW, ELSEWHERE}


def test_tests_that_would_take_too_long_are_left_out_and_counted(seen_by):
    chosen = seen_by(most_s=1.0).choose(_fault("a.py", 4))

    assert (chosen.tests, chosen.left_out) == ((UNIT,), 1)


def test_time_without_a_fault_has_what_a_folder_prepares_once(seen_by):
    assert seen_by().choose(_fault("a.py", 4)).seconds == pytest.approx(0.1 + 3.0 + 1.0)
