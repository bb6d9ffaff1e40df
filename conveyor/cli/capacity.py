"""``conveyor capacity``: what a load needs, calculated from measured unit costs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer

from conveyor.cli import console, json_lines
from conveyor.cli.capacity_rows import limit_rows, rows
from conveyor.cli.console import Column
from conveyor.cli.options import AsJson
from conveyor.cli.text import parse_duration, parse_size
from conveyor.domain.expected_polls import expect_polls
from conveyor.domain.rules import JOB_LIFE_S
from conveyor.errors import InvalidRequest
from conveyor.planning.capacity import FULL, Capacity, Load
from conveyor.planning.unit_costs import UnitCosts, unit_costs

__all__ = ["capacity", "parse_rate"]

_RATE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(?:/?\s*(s|min|h))?", re.ASCII)
_SECONDS_OF: Final = {None: 1, "s": 1, "min": 60, "h": 3600}
_MOST_RATE: Final = 1e6
_LIMITS: Final = (
    Column("one of"),
    Column("carries"),
    Column("needs"),
    Column("more", least=20, folds=True),
)
_MOST_KEEP_S: Final = 100 * 365 * 86400.0


def capacity(
    *,
    rate: Annotated[
        str,
        typer.Option("--rate", help="Conversions a second (20 or 20/s) or an hour (1000000/h)."),
    ],
    median: Annotated[
        str, typer.Option("--median", help="The median duration of a conversion: 8s, 2m.")
    ],
    sigma: Annotated[
        float,
        typer.Option(
            "--sigma", min=0, max=3, help="The spread of durations (lognormal sigma); 0 for none."
        ),
    ] = 0.5,
    webhooks: Annotated[
        bool, typer.Option("--webhooks", help="The service calls `web`. Otherwise workers poll.")
    ] = False,
    files: Annotated[
        int, typer.Option("--files", min=1, max=10_000, help="Result files of a conversion.")
    ] = 1,
    size: Annotated[
        str, typer.Option("--size", help="The size of each result file: 100k, 2M, 1G.")
    ] = "100k",
    canvas: Annotated[
        bool, typer.Option("--canvas", help="Each has a callback, a chain, a group or a chord.")
    ] = False,
    hours: Annotated[
        float, typer.Option("--hours", min=0.01, max=24, help="Hours of load a day.")
    ] = 24,
    keep: Annotated[
        str, typer.Option("--keep", help="How long you keep result files in the storage.")
    ] = "7d",
    answer: Annotated[
        str, typer.Option("--answer", help="How long ConvertAPI takes to answer a request.")
    ] = "0.5s",
    requests: Annotated[
        int, typer.Option("--requests", min=1, max=1000, help="CONVEYOR_REQUESTS of each worker.")
    ] = 64,
    account_jobs: Annotated[
        int, typer.Option("--account-jobs", min=0, help="The most jobs at once of one account.")
    ] = 0,
    redis_memory: Annotated[
        str, typer.Option("--redis-memory", help="The memory that one Redis may use.")
    ] = "64G",
    as_json: AsJson = False,
) -> None:
    """Calculate what a load needs: workers, Redis, requests, storage. It sends no request."""
    load = Load(
        rate=parse_rate(rate),
        webhooks=webhooks,
        files=files,
        file_bytes=parse_size(size),
        canvas=canvas,
        hours_a_day=hours,
        keep_s=_within("--keep", parse_duration(keep), 0, _MOST_KEEP_S),
        answer_s=_within("--answer", parse_duration(answer), 0.001, 600),
        requests=requests,
        account_jobs=account_jobs,
        redis_bytes=_within("--redis-memory", parse_size(redis_memory), 1e6, 1e15),
    )
    # Loaded here: it brings Redis' client, and other commands don't need that for their help.
    from conveyor.planning.reckoning import reckon  # noqa: PLC0415 - as the comment above says

    median_s = _within("--median", parse_duration(median), 0.01, JOB_LIFE_S)
    costs = unit_costs()
    reckoned = reckon(load, expect_polls(median_s, sigma, webhooks=webhooks), costs)
    if as_json:
        json_lines.put(_plain(load, reckoned, costs))
    else:
        _show(reckoned, costs)


def parse_rate(text: str) -> float:
    """Read a rate: ``20``, ``20/s``, ``1200/min`` or ``1,000,000/h``.

    Args:
        text: What was typed.

    Returns:
        Conversions a second.

    Raises:
        InvalidRequest: It is none, or nobody has so many.
    """
    match = _RATE.fullmatch(text.strip().lower().replace(",", "").replace("_", ""))
    if match is None:
        raise InvalidRequest(
            f"{text!r} is not a rate. Use a number with /s, /min or /h, for example 1000000/h."
        )
    return _within("--rate", float(match[1]) / _SECONDS_OF[match[2]], 1e-6, _MOST_RATE)


def _show(reckoned: Capacity, costs: UnitCosts) -> None:
    out = console.stdout()
    console.show_rows(out, ("what", "needs"), rows(reckoned))
    if out.is_terminal:
        out.print()
    console.show_rows(out, _LIMITS, limit_rows(reckoned))
    for line in _notes(reckoned, costs):
        console.say(console.stderr(), line)


def _notes(reckoned: Capacity, costs: UnitCosts) -> Iterator[str]:
    yield f"Full first, of what more processes do not help: {reckoned.first.name}."
    yield f"A core counts as full at {FULL:.0%}."
    yield (
        f"Reckoned from what was measured on {costs.at}: {costs.machine}, of which other programs "
        f"used {costs.others_busy:.0%}. Not measured: TLS, a far Redis, the real service."
    )


def _plain(load: Load, reckoned: Capacity, costs: UnitCosts) -> dict[str, Any]:
    return {
        "load": asdict(load),
        **asdict(reckoned),
        "redis_bytes": reckoned.redis_bytes,
        "namespaces": reckoned.namespaces,
        "accounts": reckoned.accounts,
        "first": reckoned.first.name,
        "unit_costs": asdict(costs),
    }


def _within(option: str, value: float, least: float, most: float) -> float:
    if not least <= value <= most:
        raise InvalidRequest(f"{option} is wrong: it must be between {least:g} and {most:g}.")
    return value
