"""Facts about the host, and about the credential that opens the account. They cost nothing."""

from __future__ import annotations

from typing import Final

from conveyor.domain import rules
from conveyor.live.answers import Answer
from conveyor.live.findings import (
    Fact,
    Finding,
    could_not_tell,
    does_not_hold,
    holds,
    on,
)
from conveyor.live.hosts import shown_host
from conveyor.live.scene import Scene

__all__ = ["ACCOUNT_FACTS"]

_OK: Final = 200
_UNAUTHORIZED: Final = 401


def _judge_host(scene: Scene) -> Finding:
    answers = [reply for reply in scene.replies.values() if isinstance(reply, Answer)]
    if not answers:
        return could_not_tell("Nothing was answered.")
    host = shown_host(scene.base_url)
    if host == rules.HOST:
        return holds(
            f"{host} is the nearest data centre: a region's own host is better.", "nearest"
        )
    return holds(f"It is {host}.", "loopback" if host == "loopback" else "region")


def _judge_bearer(answer: Answer) -> Finding:
    if answer.status == _OK and "FileId" in answer.json():
        return holds("An upload was taken.")
    if not answer.refuses_credentials:
        return could_not_tell(f"An upload was answered with {answer.told()} ({answer.kind}).")
    return does_not_hold(f"An upload was answered with {answer.told()}: check CONVEYOR_API_SECRET.")


def _judge_reading(answer: Answer) -> Finding:
    if answer.status == _OK:
        return holds(f"It was read ({answer.kind}).", "read")
    if answer.refuses_credentials:
        return holds(f"It was refused ({answer.told()}): this is an API token.", "refused")
    return does_not_hold(f"It was answered with {answer.told()}.")


def _judge_user(answer: Answer) -> Finding:
    counters = ("ConversionsTotal", "ConversionsConsumed")
    missing = [name for name in counters if not _is_count(answer.json().get(name))]
    if answer.status == _OK and missing:
        return does_not_hold(f"The answer lacks {' and '.join(missing)}.")
    return _judge_reading(answer)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _judge_wrong_credential(answer: Answer) -> Finding:
    if answer.status == _UNAUTHORIZED and answer.code is not None:
        return holds(f"{answer.told()}.")
    return does_not_hold(f"It was answered with {answer.told()} ({answer.kind}).")


ACCOUNT_FACTS: Final = (
    Fact("host", "The service answers at the configured host.", "C", 0, _judge_host),
    Fact(
        "bearer",
        "`Authorization: Bearer` with the secret, a token or a JWT opens the account.",
        "C, F",
        0,
        on("upload", _judge_bearer),
    ),
    Fact(
        "user",
        "`GET /user` tells the account's counters, or refuses an API token.",
        "C",
        0,
        on("user", _judge_user),
    ),
    Fact(
        "statistic",
        "`GET /user/statistic` tells the conversions by day, or refuses an API token.",
        "C",
        0,
        on("statistic", _judge_reading),
    ),
    Fact(
        "wrong-credential",
        "A wrong credential is refused with 401 and an integer `Code`.",
        "A",
        0,
        on("wrong-credential", _judge_wrong_credential),
    ),
)
