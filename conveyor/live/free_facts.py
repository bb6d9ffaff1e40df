"""The facts that cost nothing, and how each is judged."""

from __future__ import annotations

import re
import unicodedata
from functools import partial
from typing import Final

from conveyor.domain import rules
from conveyor.domain.dialect import Dialect
from conveyor.live.answers import Answer
from conveyor.live.findings import (
    UNASKED,
    Fact,
    Finding,
    could_not_tell,
    does_not_hold,
    holds,
    of_answer,
    on,
)
from conveyor.live.free import CONTENT, FILE_NAME
from conveyor.live.hosts import shown_host
from conveyor.live.scene import Scene

__all__ = ["FREE_FACTS"]

_OK: Final = 200
_PARTIAL: Final = 206
_NOT_FOUND: Final = 404
_UNAUTHORIZED: Final = 401
_CLIENT_ERRORS: Final = range(400, 500)
_FILE_ID: Final = re.compile(r"[A-Za-z0-9]{32}")
_UPLOAD_FIELDS: Final = ("FileId", "FileName", "FileExt")
_BURST: Final = ("upload", "upload-2", "upload-3", "upload-4", "upload-5")
_REFUSALS: Final = ("wrong-credential", "unsupported-pair", "address-query")


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


def _judge_wrong_credential(answer: Answer) -> Finding:
    if answer.status == _UNAUTHORIZED and answer.code is not None:
        return holds(f"{answer.told()}.")
    return does_not_hold(f"It was answered with {answer.told()} ({answer.kind}).")


def _judge_free(scene: Scene) -> Finding:
    if scene.consumed("user") is None:
        return could_not_tell("The account's counters can't be read with this credential.")
    rise = scene.rise("user", "user-after-free")
    if rise is None:
        return UNASKED
    if rise == 0:
        return holds("The account's counter did not move.")
    return could_not_tell(f"The counter rose by {rise}: others may use the account.")


def _judge_upload(answer: Answer) -> Finding:
    body = answer.json()
    missing = [name for name in _UPLOAD_FIELDS if not isinstance(body.get(name), str)]
    if answer.status != _OK or missing:
        lacking = f", without {', '.join(missing)}" if answer.status == _OK else ""
        return does_not_hold(f"It was answered with {answer.told()}{lacking}.")
    if not _FILE_ID.fullmatch(body["FileId"]):
        return does_not_hold(f"The FileId has {len(body['FileId'])} characters.")
    if "FileSize" in body and body["FileSize"] != len(CONTENT):
        return does_not_hold("FileSize is not what was sent.")
    return holds("FileSize is there, too." if "FileSize" in body else "FileSize is not there.")


def _judge_name(answer: Answer) -> Finding:
    name = answer.json().get("FileName")
    if not isinstance(name, str):
        return does_not_hold(f"{answer.told()} names no file.")
    same = unicodedata.normalize("NFC", name) in {FILE_NAME, FILE_NAME.removesuffix(".txt")}
    return holds("The name came back.") if same else does_not_hold("Another name came back.")


def _judge_throttle(scene: Scene) -> Finding:
    answers = [answer for label in _BURST if (answer := scene.answer(label)) is not None]
    if not answers:
        return UNASKED
    throttled = next((answer for answer in answers if answer.asks_for_patience), None)
    if throttled is not None:
        return holds(f"One of {len(answers)} quick uploads met {throttled.told()}.", "throttles")
    return could_not_tell(f"{len(answers)} quick uploads met no throttle.")


def _judge_download(answer: Answer) -> Finding:
    if answer.status == _OK and answer.body == CONTENT:
        return holds("The same bytes came back, without a credential.")
    same = "other bytes" if answer.status == _OK else answer.kind
    return does_not_hold(f"It was answered with {answer.told()} ({same}).")


def _judge_range(answer: Answer) -> Finding:
    if answer.status == _PARTIAL and answer.body == CONTENT[:4]:
        return holds("Range is honoured (HTTP 206).", "honoured")
    if answer.status == _OK and answer.body == CONTENT:
        return holds("Range is ignored: the whole file came.", "ignored")
    return does_not_hold(f"It was answered with {answer.told()}.")


def _judge_file_delete(scene: Scene) -> Finding:
    return of_answer(scene.replies.get("file-delete"), partial(_judge_removal, scene))


def _judge_removal(scene: Scene, answer: Answer) -> Finding:
    if answer.status != _OK:
        return does_not_hold(f"DELETE was answered with {answer.told()}.")
    labels = ("unknown-file", "unknown-file-delete")
    after = [found.status for label in labels if (found := scene.answer(label)) is not None]
    if after == [_NOT_FOUND] * len(labels):
        return holds("HTTP 200, then HTTP 404 to GET and DELETE.")
    if len(after) < len(labels):
        return could_not_tell("HTTP 200, and what comes after it was not answered.")
    return does_not_hold(f"HTTP 200, then HTTP {after[0]} to GET and {after[1]} to DELETE.")


def _judge_unknown(answer: Answer) -> Finding:
    shown = f"{answer.told()} ({answer.kind})."
    return holds(shown, answer.kind) if answer.status == _NOT_FOUND else does_not_hold(shown)


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


def _judge_address(answer: Answer) -> Finding:
    if answer.status == _NOT_FOUND:
        return does_not_hold(f"{answer.told()}: it is not there.", "missing")
    if answer.code is not None:
        return holds(f"It refuses a conversion without a source with {answer.told()}.", "there")
    return could_not_tell(f"It answers with {answer.told()} ({answer.kind}).")


def _judge_information(answer: Answer) -> Finding:
    if answer.status == _OK and answer.kind == "JSON":
        return holds("HTTP 200, without a credential.")
    if answer.refuses_credentials:
        return does_not_hold(f"It needs a credential ({answer.told()}).")
    return does_not_hold(f"It was answered with {answer.told()} ({answer.kind}).")


def _is_error(answer: Answer) -> bool:
    return answer.code is not None and isinstance(answer.json().get("Message"), str)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


FREE_FACTS: Final = (
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
    Fact(
        "upload-form",
        "`POST /upload` takes a raw body and answers `FileId` (32 characters), `FileName`, "
        "`FileExt`.",
        "C, F",
        0,
        on("upload", _judge_upload),
    ),
    Fact(
        "upload-name",
        "`filename*=UTF-8''…` tells an upload's name.",
        "C",
        0,
        on("upload", _judge_name),
    ),
    Fact("upload-throttle", "`POST /upload` throttles.", "C", 0, _judge_throttle),
    Fact(
        "download",
        "`GET /d/{id}` downloads a file, and needs no credential.",
        "C",
        0,
        on("download", _judge_download),
    ),
    Fact(
        "download-range",
        "`GET /d/{id}` with `Range` brings that part, or the whole file.",
        "G",
        0,
        on("range", _judge_range),
    ),
    Fact(
        "file-delete",
        "`DELETE /d/{id}` removes a file: 200, then 404.",
        "C",
        0,
        _judge_file_delete,
    ),
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
    Fact(
        "free-is-free",
        "Uploads, refusals and questions are not charged.",
        "C",
        0,
        _judge_free,
    ),
)
