from __future__ import annotations

from benchmarks.docs import page
from benchmarks.figures import Figures
from benchmarks.plot import plot
from benchmarks.report import by_load_and_side, number


def _figures(side, **values):
    plain = {"conversions": 1000, "makespan_s": 14.0, "worker_cpu_ms": 15.0}
    return Figures(load="burst-10s", side=side, **{**plain, **values})


RUNS = [
    _figures("ours", worker_cpu_ms=7.5, ready_to_stored_p50_s=0.5, ready_to_stored_p99_s=2.0),
    _figures("naive", ready_to_stored_p50_s=0.25, ready_to_stored_p99_s=1.0),
]
KEPT = {"at": "2026-01-02", "machine": "2 cores", "runs": RUNS}


def test_page_shows_ratios_promises_and_figures():
    text = page(KEPT, {})

    assert "| `burst-10s` | 0.50 | 1.00 | 2.00 | 2.00 |" in text
    assert "| `burst-10s` | worker CPU, ours to naive | 0.65 x | 0.50 x | met |" in text
    assert "**not measured**" in text
    assert "Where a worker's CPU goes" not in text


def test_page_shows_the_profile_where_there_is_one():
    profile = {"load": "burst-10s", "rate": 25, "shares": {"Celery": 0.5, "HTTP": 0.25}}

    assert "| Celery | 50% |\n| HTTP | 25% |" in page(KEPT, profile)


def test_tables_of_the_page_have_as_many_cells_in_each_row():
    tables = [part for part in page(KEPT, {}).split("\n\n") if part.startswith("|")]

    assert len(tables) > 4
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_plot_is_a_png(tmp_path):
    plot(by_load_and_side(RUNS), tmp_path / "deeper" / "figures.png")

    assert (tmp_path / "deeper" / "figures.png").read_bytes().startswith(b"\x89PNG")


def test_plot_without_both_sides_draws_nothing(tmp_path):
    plot(by_load_and_side(RUNS[:1]), tmp_path / "figures.png")

    assert not (tmp_path / "figures.png").exists()


def test_numbers_have_as_many_digits_as_say_something():
    shown = [number(it) for it in (0.023, 1.5, 14.96, 1234.5, 0, None)]

    assert shown == ["0.02", "1.50", "15.0", "1,234", "0.00", ""]
