"""A worker dies before and after each effect of submit, poll and deliver, each place in turn.

The crew works on what a task has claimed, so its effects are places, too.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

SCENARIOS = ("convert", "signature", "damaged")
MOMENTS = ("before", "after")
# The gaps in which the most is at stake: after this place, and before whatever follows it.
WINDOWS = {
    "claimed, no intent": "submit: EVALSHA claims.submits #1",
    "intent, no POST": "submit one: EVALSHA submitting.begin_submit #1",
    "POST answered, not noted": "submit one: POST /async/convert/pdf/to/split #1",
    "started, its poll not rung for": "submit one: EVALSHA submitting.started #1",
    "the bell's mark set, the bell not sent": "poll one: EVALSHA polling.poll_later #1",
    "the bell sent, its message not acknowledged": "poll one: LPUSH bells.ring #1",
    "poll claimed, not asked": "poll: EVALSHA claims.polls #1",
    "poll answered, not noted": "poll one: GET /async/job/… #1",
    "ready, not stored": "poll one: EVALSHA polling.ready #1",
    "ready, its delivery not sent": "poll one: EVALSHA expected_durations.learn #1",
    "a file stored, not noted": "poll one: storage replace #1",
    "stored, not told": "poll one: EVALSHA delivering.succeeded #1",
    "result stored, not noted as told": "poll one: SETEX+PUBLISH reporting.report_outcome #1",
    "told, its message not acknowledged": "poll one: EVALSHA delivering.delivered #1",
}
# Pipelines that take what several threads note, by the state that most of them enter.
BURST = ("converting", "ready", "succeeded", "no state")
LARGE_PIPELINES = 2
BURST_MOMENTS = ("before", "amid", "after")
# How many messages there are depends on how many polls there are: at least so many.
MESSAGES = 4
# On a busy machine scripts seldom meet in one pipeline. A poll that comes late brings the result at
# once, and so passes no ``polling.poll_later``.
TRIES = 12
CALLBACK_EFFECTS = {
    *("EVALSHA notices.claim #1", "one: POST callback #1", "one: EVALSHA notices.note #1"),
}
VIOLATIONS = ("paid_duplicates", "overlapping_polls", "early_polls", "violations")


@pytest.mark.large
@pytest.mark.timeout(3600)  # with `--large` on a busy machine
def test_worker_that_dies_at_any_effect_costs_no_conversion(
    *, stages, stack, sandbox_of, crash, capsys, large
):
    """`--large` tries every place. Else it is the windows, and where a caller is told."""
    _record_all(stages)  # a first time has effects of its own: scripts are loaded
    places = _record_all(stages)
    points = [crash.Point(*chosen) for chosen in _points(places)]
    dies_at = {(point.place, point.moment) for point in points}
    assert not [name for name, place in WINDOWS.items() if (place, "after") not in dies_at]
    points = [point for point in points if large or _is_tried(point)]

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
    assert {name: audit[name] for name in ("paid", *VIOLATIONS)} == {
        "paid": enqueued,
        **dict.fromkeys(VIOLATIONS, 0),
    }
    files = stack.directory / "files"
    assert not list(files.rglob("*.part"))
    # A signature's is kept for its next run, and a dead letter's for a replay.
    staged = [path.name for path in (files / "staged").rglob("*.pdf")]
    kept = [path.name for stage in stages for path in stage.kept]
    assert sorted(staged) == sorted(kept)
    _say(ends, capsys)


@pytest.mark.large
@pytest.mark.timeout(3600)  # with `--large` on a busy machine
def test_worker_that_dies_amid_a_pipeline_of_many_costs_no_conversion(
    *, stages, stack, sandbox_of, crash, capsys, large
):
    """`--large` tries before and after it, too, and the second of each kind."""
    paid_before = sandbox_of(stack).audit()["paid"]
    enqueued_before = sum(stage.enqueued for stage in stages)
    points = [
        crash.Point("burst", f"together: {state} #{number}", moment)
        for state in BURST
        for number in range(1, LARGE_PIPELINES + 1 if large else 2)
        for moment in (BURST_MOMENTS if large else ("amid",))
    ]

    ends = _play_all(stages, points, crash)
    audit = sandbox_of(stack).audit()

    wrong = [f"{point}: {end}" for point, end in ends.items() if isinstance(end, crash.WrongError)]
    assert not wrong, "\n".join([f"{len(wrong)} of {len(points)} points", *wrong])
    assert {name: audit[name] for name in VIOLATIONS} == dict.fromkeys(VIOLATIONS, 0)
    enqueued = sum(stage.enqueued for stage in stages) - enqueued_before
    assert audit["paid"] - paid_before == enqueued
    _say(ends, capsys)


@pytest.mark.large
@pytest.mark.timeout(3600)  # with `--large` on a busy machine
def test_worker_that_dies_at_any_effect_of_a_callback_loses_none(
    *, stages, stack, sandbox_of, crash, capsys, large
):
    """`--large` dies before and after each. Else it is after each, and before the POST."""
    paid_before = sandbox_of(stack).audit()["paid"]
    enqueued_before = sum(stage.enqueued for stage in stages)
    # A first script is sent twice: the server has to learn it.
    found = re.compile(r"notify\b.* #1")
    places = [place for place in stages[0].record("told") if found.fullmatch(place)]
    assert {place.partition(" ")[2] for place in places} >= CALLBACK_EFFECTS
    points = [
        *(crash.Point("told", place, moment) for place in places for moment in MOMENTS),
        crash.Point("told", WINDOWS["stored, not told"], "after"),
    ]
    points = [
        point for point in points if large or point.moment == "after" or "POST" in point.place
    ]

    ends = _play_all(stages, points, crash)
    audit = sandbox_of(stack).audit()

    wrong = [f"{point}: {end}" for point, end in ends.items() if isinstance(end, crash.WrongError)]
    assert not wrong, "\n".join([f"{len(wrong)} of {len(points)} points", *wrong])
    enqueued = sum(stage.enqueued for stage in stages) - enqueued_before
    assert audit["paid"] - paid_before == enqueued
    _say(ends, capsys)


def _record_all(stages):
    """The places that each scenario passes, all of them side by side."""
    with ThreadPoolExecutor(len(SCENARIOS)) as threads:
        recorded = threads.map(lambda stage, what: stage.record(what), stages, SCENARIOS)
        return dict(zip(SCENARIOS, recorded, strict=True))


def _say(ends, capsys):
    slowest = max(ends.values(), key=lambda end: end.took_s).took_s
    with capsys.disabled():
        print(f" {len(ends)} deaths, recovered within {slowest:.1f} s ", end="")  # noqa: T201 - a figure


def _is_tried(point):
    # Before an effect is after the one before it.
    is_window = point.place in WINDOWS.values()
    tells = point.place.startswith("deliver: ") and "storage" not in point.place
    return point.moment == "after" and (is_window or (point.scenario == "signature" and tells))


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
        if number > first and ("delivering.sent" in place or "delivering.delivered" in place)
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
