"""A worker dies before and after each effect of submit, poll and deliver, each place in turn."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

SCENARIOS = ("convert", "signature", "damaged")
MOMENTS = ("before", "after")
# How many messages there are depends on how many polls there are: at least so many.
MESSAGES = 4
# A poll that comes late brings the result at once, and so passes no ``ledger.later``.
TRIES = 3


@pytest.mark.timeout(900)
def test_a_worker_dies_at_each_effect(stages, stack, sandbox_of, crash, capsys):
    for scenario in SCENARIOS:  # a first time has effects of its own: scripts are loaded
        stages[0].record(scenario)
    places = {scenario: stages[0].record(scenario) for scenario in SCENARIOS}
    points = [crash.Point(*chosen) for chosen in _points(places)]

    ends = _play_all(stages, points, crash)
    audit = sandbox_of(stack).audit()

    wrong = [f"{point}: {end}" for point, end in ends.items() if isinstance(end, crash.WrongError)]
    assert not wrong, "\n".join([f"{len(wrong)} of {len(points)} points", *wrong])
    again = {
        point
        for scenario in ("signature", "damaged")
        for point in _may_call_back_again(scenario, places[scenario], crash)
    }
    callbacks = {point: _callbacks(point, again) for point in points}
    differ = [
        f"{point}: {end.callbacks}, not {callbacks[point]}"
        for point, end in ends.items()
        if end.callbacks != callbacks[point]
    ]
    assert not differ, "\n".join(["callbacks that were called:", *differ])
    enqueued = sum(stage.enqueued for stage in stages)
    violations = ("paid_duplicates", "overlapping_polls", "early_polls", "violations")
    assert {name: audit[name] for name in ("paid", *violations)} == {
        "paid": enqueued,
        **dict.fromkeys(violations, 0),
    }
    files = stack.directory / "files"
    assert not list(files.rglob("*.part"))
    # A signature's is kept for its next run, and a dead letter's for a replay.
    staged = [path.name for path in (files / "staged").rglob("*.pdf")]
    kept = [path.name for stage in stages for path in stage.kept]
    assert sorted(staged) == sorted(kept)
    slowest = max(ends.values(), key=lambda end: end.took_s).took_s
    with capsys.disabled():
        print(f" {len(points)} deaths, recovered within {slowest:.1f} s ", end="")  # noqa: T201


def _points(places):
    """Each place, in the scenario in which it shows the most."""
    seen = set()
    for scenario in SCENARIOS:
        for place in places[scenario]:
            task, _, effect = place.partition(": ")
            if task == "message" and int(effect.partition("#")[2]) > MESSAGES:
                continue
            # What a repeated delivery does wrong, a caller's callbacks show.
            if place in seen or (task == "deliver" and scenario == "convert"):
                continue
            # A signature's first message, lost by the broker, is lost: `convert` alone opens first.
            if task == "message" and scenario != "convert":
                continue
            seen.add(place)
            for moment in MOMENTS:
                yield scenario, place, moment


def _may_call_back_again(scenario, places, crash):
    """From the callback's publication until it is noted: by itself, or as the last step."""
    first = next(number for number, place in enumerate(places) if "deliver: LPUSH" in place)
    last = next(
        number
        for number, place in enumerate(places)
        if number > first and ("ledger.sent" in place or "ledger.told" in place)
    )
    between = {(place, moment) for place in places[first : last + 1] for moment in MOMENTS} - {
        (places[first], "before"),
        (places[last], "after"),
    }
    return {crash.Point(scenario, *chosen) for chosen in between}


def _callbacks(point, again):
    if point.scenario == "convert":
        return 0
    return 2 if point in again else 1


def _play_all(stages, points, crash):
    free = SimpleQueue()
    for stage in stages:
        free.put(stage)

    def play(point):
        stage = free.get()
        try:
            for _ in range(TRIES):
                end = stage.play(point)
                if end is not None:
                    return end
            return crash.WrongError(f"not reached in {TRIES} conversions")
        except crash.WrongError as error:
            return error
        finally:
            free.put(stage)

    with ThreadPoolExecutor(len(stages)) as threads:
        return dict(zip(points, threads.map(play, points), strict=True))
