"""What a worker's answer says, in checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conveyor.diagnosis.checks import Check

__all__ = ["compare_ledgers", "no_worker", "read_answer"]


def read_answer(report: Mapping[str, Any]) -> list[Check]:
    """Say what a worker has found.

    Args:
        report: What it answered.
    """
    try:
        return _read_report(report)
    except (KeyError, TypeError):
        return [no_worker("A worker's answer can't be read. Check that it runs the same release.")]


def _read_report(report: Mapping[str, Any]) -> list[Check]:
    """What a worker has found; what a later release adds to it is passed over."""
    node = str(report["node"])
    found = [
        Check(
            str(item["name"]),
            bool(item["ok"]),
            str(item["detail"]),
            node,
            warning=bool(item.get("warning", False)),
        )
        for item in report["checks"]
    ]
    return [Check("worker", ok=True, detail="answers", where=node), *found]


def compare_ledgers(ours: str, report: Mapping[str, Any]) -> list[Check]:
    """Say whether a worker keeps conversions elsewhere than this process.

    Args:
        ours: Names our Redis and namespace.
        report: What the worker answered.
    """
    theirs = report.get("ledger")
    if not theirs or theirs == ours:
        return []
    detail = (
        "The worker uses another Redis or another namespace, so it never sees what you enqueue "
        "here. Give both the same CONVEYOR_REDIS_URL and CONVEYOR_NAMESPACE."
    )
    return [Check("ledger", ok=False, detail=detail, where=str(report["node"]))]


def no_worker(detail: str) -> Check:
    """Make the check that says that no worker has answered.

    Args:
        detail: Why.
    """
    return Check("worker", ok=False, detail=detail)
