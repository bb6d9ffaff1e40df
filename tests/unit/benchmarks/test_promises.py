from __future__ import annotations

from benchmarks.figures import Figures
from benchmarks.promises import judge


def _figures(load, side, **values):
    plain = {"conversions": 10, "makespan_s": 10.0, "worker_cpu_ms": 10.0}
    return Figures(load=load, side=side, **{**plain, **values})


def _table(*figures):
    return {(it.load, it.side): it for it in figures}


def _verdict(table, load, text):
    (verdict,) = [it for it in judge(table) if it.promise.load == load and text in it.promise.text]
    return verdict


def test_cpu_within_its_share_of_naive_is_met():
    table = _table(_figures("burst-10s", "ours", worker_cpu_ms=6.5), _figures("burst-10s", "naive"))

    assert _verdict(table, "burst-10s", "worker CPU").word == "met"


def test_cpu_beyond_it_is_short_and_printed_as_it_is():
    table = _table(_figures("burst-10s", "ours", worker_cpu_ms=20), _figures("burst-10s", "naive"))
    verdict = _verdict(table, "burst-10s", "worker CPU")

    assert verdict.word == "short"
    assert verdict.measured == 2


def test_what_was_not_measured_is_not_met():
    table = _table(_figures("burst-10s", "ours"))

    assert _verdict(table, "burst-10s", "makespan").word == "not measured"
    assert not _verdict(table, "lone", "submitted").is_met


def test_one_violation_under_any_load_is_short():
    table = _table(_figures("clean", "ours"), _figures("long", "ours", violations=1))

    assert _verdict(table, "all", "violations").word == "short"


def test_violations_of_the_peers_are_not_ours():
    table = _table(_figures("clean", "ours"), _figures("clean", "naive", violations=5, lost=2))

    assert _verdict(table, "all", "violations").word == "met"


def test_touched_conversions_are_counted_from_the_clean_makespan():
    table = _table(
        _figures("clean", "ours", makespan_s=12),
        _figures("dribbling", "ours", untouched_s=14, touched_s=28),
    )

    assert _verdict(table, "dribbling", "those that dribble").measured == 16
    assert _verdict(table, "dribbling", "without a dribble").is_met
