"""Facts about what the service refuses, and about its description. They cost nothing."""

from __future__ import annotations

from typing import Final

from conveyor.domain import rules
from conveyor.domain.dialect import Dialect
from conveyor.live.answers import Answer
from conveyor.live.findings import (
    Fact,
    Finding,
    could_not_tell,
    does_not_hold,
    holds,
    on,
)
from conveyor.live.scene import Scene

__all__ = ["REFUSAL_FACTS"]

_OK: Final = 200
_NOT_FOUND: Final = 404
_CLIENT_ERRORS: Final = range(400, 500)
_REFUSALS: Final = ("wrong-credential", "unsupported-pair", "address-query")


def _judge_unknown(answer: Answer) -> Finding:
    shown = f"{answer.told()} ({answer.kind})."
    return holds(shown, answer.kind) if answer.status == _NOT_FOUND else does_not_hold(shown)


def _judge_address(answer: Answer) -> Finding:
    if answer.status == _NOT_FOUND:
        return does_not_hold(f"{answer.told()}: it is not there.", "missing")
    if answer.code is not None:
        return holds(f"It refuses a conversion without a source with {answer.told()}.", "there")
    return could_not_tell(f"It answers with {answer.told()} ({answer.kind}).")


def _judge_unsupported(answer: Answer) -> Finding:
    if answer.status in _CLIENT_ERRORS and answer.code is not None:
        return holds(f"{answer.told()}.")
    return does_not_hold(f"It was answered with {answer.told()} ({answer.kind}).")


def _judge_invalid(answer: Answer) -> Finding:
    if answer.status in _CLIENT_ERRORS and answer.code == rules.INVALID_PARAMETERS:
        named = "names" if answer.json().get("InvalidParameters") else "does not name"
        return holds(f"{answer.told()}, which {named} the invalid parameters.")
    return does_not_hold(f"It was answered with {answer.told()} ({answer.kind}).")


def _judge_errors(scene: Scene) -> Finding:
    answers = [answer for label in _REFUSALS if (answer := scene.answer(label)) is not None]
    errors = [answer for answer in answers if answer.status in _CLIENT_ERRORS]
    if not errors:
        return could_not_tell("No error of the service's was seen.")
    odd = [answer for answer in errors if not _is_error(answer)]
    if odd:
        return does_not_hold(f"{odd[0].told()} came without ({odd[0].kind}).")
    return holds(f"{len(errors)} errors had both.")


def _is_error(answer: Answer) -> bool:
    return answer.code is not None and isinstance(answer.json().get("Message"), str)


def _judge_information(answer: Answer) -> Finding:
    if answer.status == _OK and answer.kind == "JSON":
        return holds("HTTP 200, without a credential.")
    if answer.refuses_credentials:
        return does_not_hold(f"It needs a credential ({answer.told()}).")
    return does_not_hold(f"It was answered with {answer.told()} ({answer.kind}).")


REFUSAL_FACTS: Final = (
    *(
        Fact(
            f"unknown-job-{dialect}",
            f"A poll of an unknown job in the {dialect} dialect is answered 404.",
            "S, A" if dialect is Dialect.QUERY else "C, D",
            0,
            on(f"unknown-job-{dialect}", _judge_unknown),
        )
        for dialect in Dialect
    ),
    *(
        Fact(
            f"unknown-delete-{dialect}",
            f"DELETE of an unknown job in the {dialect} dialect is answered 404.",
            "S, A" if dialect is Dialect.QUERY else "C",
            0,
            on(f"unknown-delete-{dialect}", _judge_unknown),
        )
        for dialect in Dialect
    ),
    Fact(
        "address-path",
        "The path dialect's address is there: `POST /async/convert/{from}/to/{to}`.",
        "C, D",
        0,
        on("address-path", _judge_address),
    ),
    Fact(
        "unsupported-pair",
        "An unknown pair of formats is refused with 4XX and an integer `Code`.",
        "A",
        0,
        on("unsupported-pair", _judge_unsupported),
    ),
    Fact(
        "invalid-parameter",
        "A wrong parameter is refused with 4XX and code 4000.",
        "A, F",
        0,
        on("address-query", _judge_invalid),
    ),
    Fact(
        "error-form",
        "An error of the service has an integer `Code` and a `Message`.",
        "C, F",
        0,
        _judge_errors,
    ),
    Fact(
        "information",
        "`GET /info/{from}/to/{to}` describes a conversion, without a credential.",
        "C",
        0,
        on("info-pair", _judge_information),
    ),
)
