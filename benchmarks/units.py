"""``python -m benchmarks.units``: what `conveyor capacity` reckons with, from the last figures.

It reads what ``python -m benchmarks`` left, measures what Redis holds of a conversion, and writes
``conveyor/unit_costs.json`` and ``docs/capacity.md``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import astuple, fields, replace
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import redis
from celery import Celery
from celery.states import SUCCESS

from benchmarks.claims import SCENES, WAITING, measure
from benchmarks.figures import Figures, medians
from benchmarks.kept import FIGURES, kept
from benchmarks.loads import LOADS
from conveyor.capacity import Capacity, Load
from conveyor.cli.capacity_rows import limit_rows, rows
from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.conversion import StoredFile
from conveyor.domain.dialect import Dialect
from conveyor.domain.expected_polls import expect_polls
from conveyor.domain.request import ConversionRequest
from conveyor.ledger import Entry, Ledger, Submission, connect
from conveyor.reckoning import reckon
from conveyor.unit_costs import FILE, ClaimCost, Cost, Footprint, Measured, UnitCosts, unit_costs
from local_stack.environment import ROOT
from local_stack.valkey import Valkey

__all__ = ["footprint_in_redis", "page", "units_of"]

_PAGE: Final = ROOT / "docs" / "capacity.md"
_TEMPLATE: Final = Path(__file__).with_name("capacity.template.md")
_POLLED: Final = "burst-10s"
# The busier of two loads is nearer to what a fleet at its limit does.
_WEBHOOKS: Final = ("webhooks-100", "webhooks-20")
_FEW_POLLS, _MANY_POLLS = "clean", "long"
_MESSAGES: Final = ("empty", "empty-threads")
_LEAST_MORE_POLLS: Final = 1.0
_ENTRIES: Final = 2000
_WARM_UP: Final = 50
_MB: Final = 1e6
# Figures of a machine that others use so much are too high.
_BUSY: Final = 0.25
_PROVISIONAL: Final = " **Take them as provisional**: the machine was busy."
_RATE: Final = 1e6 / 3600
_MEDIAN_S, _SIGMA = 8.0, 0.5


class NotMeasured(Exception):  # noqa: N818 - reads as what it says
    """A load is missing in the figures, or they can't tell what something costs."""


def main() -> int:
    """Measure the rest, and write both files."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.units", description=__doc__)
    parser.add_argument(
        "--figures",
        type=Path,
        nargs="+",
        default=[FIGURES],
        help="where figures are; of a load that several have the last counts",
    )
    parser.add_argument(
        "--page",
        action="store_true",
        help="measure nothing: write the page from the costs there are",
    )
    options = parser.parse_args()
    if not options.page:
        try:
            costs = _measure(options.figures)
        except NotMeasured as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        FILE.write_text(costs.to_json(), encoding="utf-8")
    _PAGE.write_text(page(unit_costs()), encoding="utf-8")
    return 0


def _measure(paths: Sequence[Path]) -> UnitCosts:
    figures = [_kept(path) for path in paths]
    with Valkey() as server:
        costs = units_of(figures, footprint_in_redis(server.url()))
        print("measuring claims, which takes a minute or two", file=sys.stderr)
        return replace(costs, claims=claims(server.url()))


def _kept(path: Path) -> Mapping[str, Any]:
    try:
        return kept(path)
    except FileNotFoundError:
        raise NotMeasured(f"there is no {path}: run python -m benchmarks first") from None


def claims(url: str, numbers: Sequence[int] = WAITING) -> tuple[ClaimCost, ...]:
    """What a claim costs, by how many wait.

    Args:
        url: A server, which is emptied.
        numbers: How many wait.
    """
    scene = next(it for it in SCENES if it.kind == "poll" and it.rest_is_due)
    costs = [(waiting, measure(url, scene, waiting)) for waiting in numbers]
    return tuple(
        ClaimCost(waiting, round(cost.server_ms, 2), round(cost.round_trip_ms, 2))
        for waiting, cost in costs
    )


# -- the costs ------------------------------------------------------------------------------------


def units_of(files: Sequence[Mapping[str, Any]], in_redis: Mapping[str, float]) -> UnitCosts:
    """The unit costs that figures tell.

    Args:
        files: What was measured, as `benchmarks.kept.kept` reads it.
        in_redis: What Redis holds of a conversion, `footprint_in_redis`.

    Raises:
        NotMeasured: A load is missing, or a poll's cost can't be told.
    """
    runs = _by_load_and_side(run for file in files for run in [file["runs"]])
    ours = {load: run for (load, side), run in runs.items() if side == "ours"}
    polled = _needed(ours, _POLLED)
    webhooks = _needed(ours, *_WEBHOOKS)
    few, many = _needed(ours, _FEW_POLLS), _needed(ours, _MANY_POLLS)
    message = _needed(
        {load: run for (load, side), run in runs.items() if (load, side) == _MESSAGES}, "empty"
    )
    used = (polled, webhooks, few, many, message)
    return UnitCosts(
        at=max(file["at"] for file in files),
        machine=files[-1]["machine"],
        others_busy=round(statistics.median(run.others_busy for run in used[:-1]), 2),
        command=f"python -m benchmarks --sides ours,{_MESSAGES[1]} --loads "
        + ",".join(run.load for run in used),
        polled=_measured(polled),
        webhooks=_measured(webhooks),
        poll=_poll(few, many),
        message=_rounded(_cost(message) + Cost(worker_cpu_ms=message.producer_cpu_ms)),
        footprint=Footprint(**in_redis, worker=round(max(map(_worker_mb, used[:-1])) * _MB)),
    )


def _worker_mb(run: Figures) -> float:
    return run.rss_mb / LOADS[run.load].workers


def _by_load_and_side(files: Iterable[Sequence[Figures]]) -> dict[tuple[str, str], Figures]:
    found: dict[tuple[str, str], Figures] = {}
    for runs in files:
        keys = dict.fromkeys((run.load, run.side) for run in runs)
        found |= {
            key: medians([run for run in runs if (run.load, run.side) == key]) for key in keys
        }
    return found


def _needed(runs: Mapping[str, Figures], *loads: str) -> Figures:
    for load in loads:
        if load in runs:
            return runs[load]
    raise NotMeasured(
        f"the figures have no {' or '.join(loads)}: run python -m benchmarks, or at least "
        f"python -m benchmarks --sides ours,empty-threads --loads "
        f"{','.join((_POLLED, _FEW_POLLS, _MANY_POLLS, _WEBHOOKS[0], _MESSAGES[0]))}"
    )


def _measured(run: Figures) -> Measured:
    return Measured(run.load, round(run.polls, 3), _rounded(_cost(run)))


def _poll(few: Figures, many: Figures) -> Cost:
    """A poll's: what conversions with many cost more than those with few.

    What workers do while nothing happens is in it, too, because those with many take longer.
    """
    more = many.polls - few.polls
    if more < _LEAST_MORE_POLLS:
        raise NotMeasured(
            f"{many.load} took {many.polls:.2f} polls and {few.load} {few.polls:.2f}: that is too "
            "near to tell what a poll costs"
        )
    one, other = _cost(many), _cost(few)
    names = [field.name for field in fields(Cost)]
    return _rounded(
        Cost(*(max(0.0, getattr(one, name) - getattr(other, name)) / more for name in names))
    )


def _cost(run: Figures) -> Cost:
    return Cost(**{field.name: getattr(run, field.name) for field in fields(Cost)})


def _rounded(cost: Cost) -> Cost:
    return Cost(**{it.name: round(getattr(cost, it.name), 3) for it in fields(Cost)})


# -- memory ---------------------------------------------------------------------------------------


def footprint_in_redis(url: str, count: int = _ENTRIES) -> dict[str, float]:
    """What Redis holds of a conversion, measured on real ones that the ledger writes.

    Args:
        url: An empty server.
        count: How many are written.

    Returns:
        Bytes, by the names of `conveyor.unit_costs.Footprint`.
    """
    with closing(connect(url)) as client, closing(Celery(backend=url, broker=url)) as app:
        ledger, ids = Ledger(client), [str(uuid4()) for _ in range(count)]
        for number in range(_WARM_UP):  # scripts, indexes and counts are there from then on
            _ended(ledger, _begun(ledger, f"warm-up-{number}"))
        empty = _used(client)
        entries = [_begun(ledger, conversion_id) for conversion_id in ids]
        in_flight = _used(client)
        done = [_ended(ledger, entry) for entry in entries]
        ended = _used(client)
        for entry in done:
            app.backend.store_result(entry.id, entry.conversion.to_dict(), SUCCESS)
        results = _used(client)
    return {
        "in_flight": round((in_flight - empty) / count),
        "kept": round((ended - empty) / count),
        "result": round((results - ended) / count),
    }


def _used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


def _begun(ledger: Ledger, conversion_id: str) -> Entry | None:
    request = ConversionRequest.build(f"https://example.com/{conversion_id}.docx", "pdf")
    entry = ledger.open(conversion_id, request)
    assert entry is not None
    job = Submission(uuid4().hex, "https://eu-v2.convertapi.com", Dialect.PATH, "account")
    begun = ledger.begin_submit(entry, job)
    assert begun is not None
    return ledger.started(begun, job.job_id, 60.0)


def _ended(ledger: Ledger, entry: Entry | None) -> Entry:
    assert entry is not None
    url = f"https://eu-v2.convertapi.com/d/{uuid4().hex}"
    name = f"{entry.id}.pdf"
    ready = ledger.ready(entry, Result(1, (RemoteFile(name, url, 100_000),)))
    assert ready is not None
    file = StoredFile(name, f"s3://bucket/conversions/{entry.id}/{name}", 100_000, "0" * 64)
    done = ledger.succeeded(ready, [file])
    assert done is not None
    ledger.delivered(done.id, is_dead=False, request=done.request)
    return done


# -- the page -------------------------------------------------------------------------------------


def page(costs: UnitCosts) -> str:
    """The text of ``docs/capacity.md``.

    Args:
        costs: What was measured.
    """
    polled, called = (_capacity(costs, webhooks=it) for it in (False, True))
    both = zip(rows(polled), rows(called), strict=True)
    needs = [(name, one, other) for (name, one), (_, other) in both]
    carries = {name: (one, cure) for name, one, _, cure in limit_rows(called)}
    of_polled = {name: one for name, one, _, _ in limit_rows(polled)}
    limits = [(name, of_polled.get(name, "-"), one, cure) for name, (one, cure) in carries.items()]
    return _TEMPLATE.read_text(encoding="utf-8").format(
        machine=costs.machine,
        at=costs.at,
        others=f"{costs.others_busy:.0%}",
        provisional=_PROVISIONAL if costs.others_busy > _BUSY else "",
        command=costs.command,
        needs=_table(("", "polled", "webhooks"), needs),
        limits=_table(("one of", "polled", "webhooks", "then"), limits),
        first=called.first.name,
        first_polled=polled.first.name,
        costs=_costs_table(costs),
        claims=_table(
            ("waiting conversions", "ms at Redis", "ms until a worker has read the claim"),
            [
                (f"{it.waiting:,}", f"{it.server_ms:.2f}", f"{it.round_trip_ms:.2f}")
                for it in costs.claims
            ],
        ),
        in_flight=f"{costs.footprint.in_flight:,.0f}",
        kept=f"{costs.footprint.kept:,.0f}",
        result=f"{costs.footprint.result:,.0f}",
        worker=f"{costs.footprint.worker / _MB:.0f}",
    )


def _capacity(costs: UnitCosts, *, webhooks: bool) -> Capacity:
    polls = expect_polls(_MEDIAN_S, _SIGMA, webhooks=webhooks)
    return reckon(Load(rate=_RATE, webhooks=webhooks), polls, costs)


# In the order of `Cost`.
_COLUMNS: Final = (
    "workers, ms",
    "`web`, ms",
    "Redis, ms",
    "Celery messages",
    "round trips to Redis",
    "Redis commands",
    "Redis traffic, KB",
)


def _figure(value: float) -> str:
    return f"{value:.2f}" if value else "-"


def _costs_table(costs: UnitCosts) -> str:
    polled, called = costs.polled, costs.webhooks
    told = {
        f"a conversion, polled (`{polled.load}`, {polled.polls:.2f} polls)": polled.cost,
        f"a conversion, webhooks (`{called.load}`, {called.polls:.2f} polls)": called.cost,
        f"a poll (`{_MANY_POLLS}` minus `{_FEW_POLLS}`)": costs.poll,
        f"a Celery message (`{_MESSAGES[0]}`)": costs.message,
    }
    cells = [(name, *map(_figure, astuple(cost))) for name, cost in told.items()]
    return _table(("", *_COLUMNS), cells)


def _table(headings: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    lines = ["---", *["--:"] * (len(headings) - 1)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (headings, lines, *cells))


if __name__ == "__main__":
    sys.exit(main())
