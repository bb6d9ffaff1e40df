"""Facts about files: uploaded, downloaded, removed. They cost nothing."""

from __future__ import annotations

import re
import unicodedata
from functools import partial
from typing import Final

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
from conveyor.live.scene import Scene

__all__ = ["FILE_FACTS"]

_OK: Final = 200
_PARTIAL: Final = 206
_NOT_FOUND: Final = 404
_FILE_ID: Final = re.compile(r"[A-Za-z0-9]{32}")
_UPLOAD_FIELDS: Final = ("FileId", "FileName", "FileExt")
_BURST: Final = ("upload", "upload-2", "upload-3", "upload-4", "upload-5")


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


FILE_FACTS: Final = (
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
)
