"""The faults of the service, of gateways and of proxies, at rates from the first answer on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import product
from typing import Final

from chaos.fleet import Build
from chaos.judge import Rules
from chaos.scene import Case, Scene
from conveyor.domain.conversion import FailureKind

__all__ = ["SERVICE_CASES"]

_OUTAGE_S: Final = 30.0
_DRIBBLE_S: Final = 40
_SHORT_DRIBBLE_S: Final = 10
_HELD_S: Final = 26
_SHORTLY_HELD_S: Final = 9
_CLEANING_S: Final = 10.0
_CLEANED_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.25

_ADDRESSES: Final = ("submit", "upload", "poll", "download", "delete")
_WITH_AFTER: Final = (*_ADDRESSES, "after_submit")

_STATUSES: Final = (408, 409, 423, 425, 429, 503)
_WAITS: Final = tuple(
    f"{kind}_{status}"
    for kind, status in product(("status", "retry_after", "retry_date"), _STATUSES)
)
# A huge one is kept to for an hour, which is more than a case can show.
_ODD_WAITS: Final = ("retry_negative_429", "retry_garbage_429")
_BROKEN: Final = (
    *(f"message_only_{status}" for status in (500, 502, 503, 504)),
    *("text_code_500", "gateway_502", "gateway_503", "gateway_504"),
)
_PORTALS: Final = (
    *(f"portal_{kind}" for kind in ("html", "xhtml", "text", "text_json", "json", "octets")),
    *("null_json", "cut_json", "deep_json", "empty_body"),
)
_REDIRECTS: Final = tuple(f"redirect_{status}" for status in (301, 302, 303, 307, 308))
_DRIBBLES: Final = ("slow_head", "endless_continue", "slow_body", "slow_trailers")
_SILENCES: Final = ("failed", "silent", "closed", "message_only_500")
_READABLE: Final = (
    ("data_plain", "data_urlsafe", "data_unpadded", "data_newlines", "data_uri"),
    ("size_text", "size_wrong", "size_negative", "size_missing"),
    ("cost_huge", "cost_float", "cost_infinite", "cost_negative", "cost_text", "cost_missing"),
    ("conversion_time", "extra_fields", "job_id_too"),
    ("name_surrogate", "name_path", "name_missing", "raw", "raw_odd_disposition"),
    # There was nothing to extract.
    ("files_empty", "files_null"),
)
_UNREADABLE: Final = (
    ("files_missing", "files_text", "file_null"),
    ("file_bare", "file_bare_beside_good", "data_garbage"),
    ("url_bad", "url_local"),
)
_ODD_PLACES: Final = ("submit", "poll")
_LEAKS: Final = ("leaky_error", "surrogate_error", "huge_error", "bad_url_error")

# Where faults strike from the first answer on, nobody waits for conversions to be in flight.
_SHORT: Final = "2-4"
# So many uploads that each fault meets one.
_OFTEN: Final = 2

# Below that the client gives up before a short dribble, and before a hold, has ended.
_IMPATIENT: Final = {"READ_TIMEOUT_SECONDS": "6", "ANSWER_TIMEOUT_SECONDS": "6"}


def _rates(*groups: Iterable[str], **rates: float) -> Callable[[Scene], None]:
    """Answers are faulty at these rates; of each group one must strike, else each."""

    def strike(scene: Scene) -> None:
        scene.faults = tuple(map(tuple, groups)) or tuple((name,) for name in rates)
        scene.fleet.service.set_faults(**rates)
        scene.enqueue()

    return strike


def _odd(rate: float, groups: Iterable[Iterable[str]]) -> Callable[[Scene], None]:
    """Results are odd, each in its way at this rate; of each group one must strike."""
    named = [[f"odd_{name}_{place}" for name in group for place in _ODD_PLACES] for group in groups]
    return _rates(*named, **{name: rate for group in named for name in group})


def _spread(rate: float, names: Iterable[str], places: Iterable[str]) -> Callable[[Scene], None]:
    """At each place one answer in so many meets one of the faults, each as often as the others."""
    groups = [[f"{name}_{place}" for name in names] for place in places]
    rates = {name: rate / len(group) for group in groups for name in group}
    return _rates(*groups, **rates)


def _deletes(rate: float) -> Callable[[Scene], None]:
    """Deletes fail at this rate, while callers wait for nothing; later nothing is left."""
    fail = _spread(rate, _SILENCES, ["delete"])

    def strike(scene: Scene) -> None:
        fail(scene)
        scene.aftermath = lambda: _all_is_deleted(scene)

    return strike


def _all_is_deleted(scene: Scene) -> None:
    time.sleep(_CLEANING_S)
    failing = scene.conveyor.ledger.leftovers.count()
    scene.fleet.service.set_faults()
    deadline = time.monotonic() + _CLEANED_S
    while (left := scene.conveyor.ledger.leftovers.count()) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
    scene.notes.append(f"{failing} were not deleted while deletes failed, {left} after that")
    if left:
        scene.broken.append(f"{left} are still at the service {_CLEANED_S:g} s after that")


def _outage(scene: Scene) -> None:
    """Every connection to the service closes at once, for half a minute."""
    scene.faults = (("outage",),)
    scene.enqueue()
    with scene.fleet.service.faults(outage=1.0):
        time.sleep(_OUTAGE_S)


def _slow(seconds: int) -> tuple[str, ...]:
    return ("--slow-seconds", str(seconds))


def _held(seconds: int) -> tuple[str, ...]:
    return ("--hold-seconds", str(seconds))


def _repeated(answer: str) -> Build:
    """Where a repeated JobId never pays twice, the wait for a proof may be shorter than a hold."""
    return Build(
        options=(*_held(_SHORTLY_HELD_S), "--repeated-job-id", answer),
        settings={**_IMPATIENT, "PROOF_SECONDS": "1", "PROOF_CLOSED_SECONDS": "1"},
    )


# A POST may come after the one that a gateway held has been charged: that is what is shown.
_REPEATED_RULES: Final = Rules(counted=frozenset({"reposted_after_paid"}))

SERVICE_CASES: Final = (
    Case(name="10 % of submits lost", strike=_rates(lost_submit=0.1)),
    Case(name="10 % of submits throttled", strike=_rates(throttle_submit=0.1)),
    Case(name="10 % of polls 502, 504", strike=_rates(gateway_poll=0.1)),
    Case(
        name="5 % of downloads cut",
        strike=_rates(truncated_download=0.025, short_download=0.025),
    ),
    Case(
        name="5 % of answers dribble 40 s",
        strike=_rates(slow_answer=0.05),
        build=Build(options=_slow(_DRIBBLE_S)),
    ),
    Case(name="the API gone 30 s", strike=_outage),
    Case(
        name="30 % of submits held 26 s",
        strike=_rates(held_submit=0.3),
        build=Build(options=_held(_HELD_S), settings={**_IMPATIENT, "PROOF_SECONDS": "40"}),
    ),
    Case(
        name="repeated ids refused",
        strike=_rates(held_submit=0.3),
        build=_repeated("refused"),
        rules=_REPEATED_RULES,
    ),
    Case(
        name="repeated ids answered",
        strike=_rates(held_submit=0.3),
        build=_repeated("first"),
        rules=_REPEATED_RULES,
    ),
    Case(
        name="10 % throttled everywhere",
        strike=_spread(0.1, ("throttle", "throttle_retry_after"), _ADDRESSES),
        build=Build(duration=_SHORT, options=("--retry-after", "1")),
        staged_every=_OFTEN,
    ),
    Case(
        name="10 % told to wait",
        strike=_spread(0.1, (*_WAITS, *_ODD_WAITS), _ADDRESSES),
        build=Build(duration=_SHORT, options=("--retry-after", "1")),
        staged_every=_OFTEN,
    ),
    Case(
        name="10 % broken on the way",
        strike=_spread(0.1, _BROKEN, _WITH_AFTER),
        build=Build(duration=_SHORT),
        staged_every=_OFTEN,
    ),
    Case(
        name="10 % met by portals, redirects",
        strike=_spread(0.1, (*_PORTALS, *_REDIRECTS), _WITH_AFTER),
        build=Build(duration=_SHORT),
        staged_every=_OFTEN,
    ),
    Case(
        name="5 % dribble anywhere",
        strike=_spread(0.05, _DRIBBLES, _ADDRESSES),
        build=Build(duration=_SHORT, options=_slow(_SHORT_DRIBBLE_S), settings=_IMPATIENT),
        staged_every=_OFTEN,
    ),
    Case(
        name="80 % of deletes fail",
        strike=_deletes(0.8),
        build=Build(duration=_SHORT, settings=_IMPATIENT),
    ),
    Case(
        name="20 % of files vanish",
        strike=_rates(vanish_file=0.2),
        # Each is uploaded again, once: of 25 one vanishes again.
        build=Build(duration=_SHORT),
        rules=Rules(ends=frozenset({FailureKind.INPUT})),
        staged_every=1,
    ),
    Case(
        name="odd results",
        strike=_odd(0.02, _READABLE),
        build=Build(duration=_SHORT),
        rules=Rules(is_empty=True),
    ),
    Case(
        name="unreadable results",
        strike=_odd(0.03, _UNREADABLE),
        build=Build(duration=_SHORT),
        rules=Rules(ends=frozenset({FailureKind.UNREADABLE})),
    ),
    Case(
        name="errors that leak",
        strike=_rates(
            **{f"{name}_poll": 0.03 for name in _LEAKS},
            leaky_error_submit=0.05,
            leaky_refusal_submit=0.05,
        ),
        build=Build(duration=_SHORT),
        rules=Rules(ends=frozenset({FailureKind.SERVICE, FailureKind.INPUT})),
    ),
)
