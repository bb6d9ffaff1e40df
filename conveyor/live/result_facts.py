"""Facts about results: their form, their files, and what they are charged."""

from __future__ import annotations

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
from conveyor.live.scene import Role, Scene

__all__ = ["RESULT_FACTS"]

_OK: Final = 200
_FILE_FIELDS: Final = ("FileName", "FileExt", "FileSize")


def _judge_result(scene: Scene) -> Finding:
    """Judge the form of the result."""
    job = scene.jobs.get(Role.FIRST)
    if job is None or (job.final is None and not job.result()):
        return UNASKED
    body = job.result()
    if not body:
        told = "no JSON" if job.final is None or job.final.status == _OK else job.final.told()
        return could_not_tell(f"The answer was no result ({told}).")
    missing = [] if isinstance(body.get("ConversionCost"), int) else ["ConversionCost"]
    files = job.files()
    missing += ["Files"] if not files else []
    missing += [name for name in (*_FILE_FIELDS, "Url") if any(name not in file for file in files)]
    if missing:
        return does_not_hold(f"The result lacks {', '.join(missing)}.")
    also = "FileId is there, too." if all("FileId" in file for file in files) else ""
    return holds(also or "FileId is not there.")


def _judge_file(scene: Scene) -> Finding:
    """Judge whether the result's file can be downloaded."""
    return of_answer(scene.replies.get("first-file"), partial(_judge_result_file, scene))


def _judge_result_file(scene: Scene, answer: Answer) -> Finding:
    if answer.status != _OK:
        return does_not_hold(f"It was answered with {answer.told()}.")
    size = next((file.get("FileSize") for file in scene.jobs[Role.FIRST].files()), None)
    if size != len(answer.body):
        return does_not_hold("It is not as long as FileSize says.")
    return holds("It is as long as FileSize says.")


def _judge_charge(scene: Scene) -> Finding:
    """Judge what the account was charged, against what the result says."""
    job = scene.jobs.get(Role.FIRST)
    if job is None or not job.result():
        return UNASKED
    rise = scene.rise("user-after-free", "user-after-first")
    cost = job.result().get("ConversionCost")
    if rise is None:
        return could_not_tell("The account's counters can't be read with this credential.")
    if rise == cost:
        return holds(f"Both are {rise}.")
    return could_not_tell(f"The counter rose by {rise}: it may lag, or others use the account.")


def _judge_kept(answer: Answer) -> Finding:
    """Judge whether a file can still be downloaded after its job was deleted."""
    if answer.status == _OK:
        return holds("Its file could still be downloaded.", "kept")
    return does_not_hold(f"Its file was answered with {answer.told()}.", "gone")


def _judge_removed(answer: Answer) -> Finding:
    """Judge how the service answered a DELETE of a file."""
    told = f"It was answered with {answer.told()}."
    return holds(told) if answer.status == _OK else does_not_hold(told)


def _judge_data(scene: Scene) -> Finding:
    """Judge whether a result can hold its files' bytes itself."""
    job = scene.jobs.get(Role.PLAIN)
    if job is None or job.start is None:
        return UNASKED
    if job.files():
        held = all("FileData" in file for file in job.files())
        return (
            holds("It is base64.", "base64") if held else does_not_hold("It is not in the answer.")
        )
    if job.final is not None and job.final.status == _OK and job.final.kind == "bytes":
        return holds("It is the answer itself.", "bytes")
    return could_not_tell("Its result was not seen.")


RESULT_FACTS: Final = (
    Fact(
        "result-form",
        "A result has `ConversionCost` and `Files` with `FileName`, `FileExt`, `FileSize`, `Url`.",
        "C, F",
        1,
        _judge_result,
    ),
    Fact(
        "result-file",
        "A result's `Url` opens without a credential, and `FileSize` is its length.",
        "C, F",
        1,
        _judge_file,
    ),
    Fact(
        "result-charge",
        "The account's counter rises by `ConversionCost`.",
        "C",
        1,
        _judge_charge,
    ),
    Fact(
        "result-outlives-job",
        "A result file outlives its job: deleting the job leaves it.",
        "C",
        1,
        on("first-file-after-delete", _judge_kept),
    ),
    Fact(
        "result-delete",
        "DELETE of a result's `Url` removes the file, without a credential.",
        "C",
        1,
        on("first-file-delete", _judge_removed),
    ),
    Fact(
        "file-data",
        "Without `StoreFile` the file is in the answer: as base64 `FileData`, or as its bytes.",
        "A, D",
        6,
        _judge_data,
    ),
)
