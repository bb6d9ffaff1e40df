"""The faults of the service, of gateways and of proxies, at rates from the first answer on."""

from __future__ import annotations

from typing import Final

from chaos.build import Build
from chaos.rules import Rules
from chaos.scene import Case
from chaos.service_faults import (
    ADDRESSES,
    BROKEN,
    DRIBBLES,
    LEAKS,
    ODD_WAITS,
    PORTALS,
    READABLE,
    REDIRECTS,
    UNREADABLE,
    WAITS,
    WITH_AFTER,
)
from chaos.strikes import deletes, odd, outage, rates, spread
from conveyor.domain.conversion import FailureKind

__all__ = ["SERVICE_CASES"]

_DRIBBLE_S: Final = 40
_SHORT_DRIBBLE_S: Final = 10
_HELD_S: Final = 26
_SHORTLY_HELD_S: Final = 9

# Where faults strike from the first answer on, nobody waits for conversions to be in flight.
_SHORT: Final = "2-4"
# So many uploads that each fault meets one.
_OFTEN: Final = 2

# Below that the client gives up before a short dribble, and before a hold, has ended.
_IMPATIENT: Final = {"READ_TIMEOUT_SECONDS": "6", "ANSWER_TIMEOUT_SECONDS": "6"}


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
    Case(name="10 % of submits lost", strike=rates(lost_submit=0.1)),
    Case(name="10 % of submits throttled", strike=rates(throttle_submit=0.1)),
    Case(name="10 % of polls 502, 504", strike=rates(gateway_poll=0.1)),
    Case(
        name="5 % of downloads cut",
        strike=rates(truncated_download=0.025, short_download=0.025),
    ),
    Case(
        name="5 % of answers dribble 40 s",
        strike=rates(slow_answer=0.05),
        build=Build(options=_slow(_DRIBBLE_S)),
    ),
    Case(name="the API gone 30 s", strike=outage),
    Case(
        name="30 % of submits held 26 s",
        strike=rates(held_submit=0.3),
        build=Build(options=_held(_HELD_S), settings={**_IMPATIENT, "PROOF_SECONDS": "40"}),
    ),
    Case(
        name="repeated ids refused",
        strike=rates(held_submit=0.3),
        build=_repeated("refused"),
        rules=_REPEATED_RULES,
    ),
    Case(
        name="repeated ids answered",
        strike=rates(held_submit=0.3),
        build=_repeated("first"),
        rules=_REPEATED_RULES,
    ),
    Case(
        name="10 % throttled everywhere",
        strike=spread(0.1, ("throttle", "throttle_retry_after"), ADDRESSES),
        build=Build(duration=_SHORT, options=("--retry-after", "1")),
        staged_every=_OFTEN,
    ),
    Case(
        name="10 % told to wait",
        strike=spread(0.1, (*WAITS, *ODD_WAITS), ADDRESSES),
        build=Build(duration=_SHORT, options=("--retry-after", "1")),
        staged_every=_OFTEN,
    ),
    Case(
        name="10 % broken on the way",
        strike=spread(0.1, BROKEN, WITH_AFTER),
        build=Build(duration=_SHORT),
        staged_every=_OFTEN,
    ),
    Case(
        name="10 % met by portals, redirects",
        strike=spread(0.1, (*PORTALS, *REDIRECTS), WITH_AFTER),
        build=Build(duration=_SHORT),
        staged_every=_OFTEN,
    ),
    Case(
        name="5 % dribble anywhere",
        strike=spread(0.05, DRIBBLES, ADDRESSES),
        build=Build(duration=_SHORT, options=_slow(_SHORT_DRIBBLE_S), settings=_IMPATIENT),
        staged_every=_OFTEN,
    ),
    Case(
        name="80 % of deletes fail",
        strike=deletes(0.8),
        build=Build(duration=_SHORT, settings=_IMPATIENT),
    ),
    Case(
        name="20 % of files vanish",
        strike=rates(vanish_file=0.2),
        # Each is uploaded again, once: of 25 one vanishes again.
        build=Build(duration=_SHORT),
        rules=Rules(ends=frozenset({FailureKind.INPUT})),
        staged_every=1,
    ),
    Case(
        name="odd results",
        strike=odd(0.02, READABLE),
        build=Build(duration=_SHORT),
        rules=Rules(is_empty=True),
    ),
    Case(
        name="unreadable results",
        strike=odd(0.03, UNREADABLE),
        build=Build(duration=_SHORT),
        rules=Rules(ends=frozenset({FailureKind.UNREADABLE})),
    ),
    Case(
        name="errors that leak",
        strike=rates(
            **{f"{name}_poll": 0.03 for name in LEAKS},
            leaky_error_submit=0.05,
            leaky_refusal_submit=0.05,
        ),
        build=Build(duration=_SHORT),
        rules=Rules(ends=frozenset({FailureKind.SERVICE, FailureKind.INPUT})),
    ),
)
