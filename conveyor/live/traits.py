"""How the service behaves, as the sandbox can take it over: only what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from conveyor.domain.dialect import Dialect
from conveyor.live.findings import Finding, Verdict

__all__ = ["traits_of"]

_NOT_STARTED: Final = frozenset({"finished", "refused"})


def traits_of(findings: Mapping[str, Finding]) -> dict[str, Any]:
    """Say what was seen of the service's ways.

    Args:
        findings: By the fact's id.

    Returns:
        ``dialects``, ``ignores_async``, ``keeps_own_ids``, ``repeated_job_id``
        (``taken``, ``refused``, ``first``), ``early_polls`` (``refused``, ``held``,
        ``answered``) and ``calls_webhooks``, each only where it was seen.
    """
    seen = {
        "dialects": _dialects(findings),
        "ignores_async": _ignores_async(findings),
        "keeps_own_ids": _of_each(findings, "own-id"),
        "repeated_job_id": findings["repeated-id"].value or None,
        "early_polls": findings["poll-early"].value or None,
        "calls_webhooks": _of_each(findings, "webhook"),
    }
    return {name: value for name, value in seen.items() if value is not None}


def _dialects(findings: Mapping[str, Finding]) -> list[str] | None:
    missing = [one for one in Dialect if findings[f"start-{one}"].value == "missing"]
    # The address is there for the other way of converting, which waits for the result.
    if findings["start-path"].value == "started" and findings["start-query"].value in _NOT_STARTED:
        missing.append(Dialect.QUERY)
    if not missing or len(missing) == len(Dialect):
        return None
    return [one.value for one in Dialect if one not in missing]


def _ignores_async(findings: Mapping[str, Finding]) -> bool | None:
    values = {findings[f"start-{one}"].value for one in Dialect} & {"finished", "started"}
    return values == {"finished"} if values else None


def _of_each(findings: Mapping[str, Finding], name: str) -> bool | None:
    """Whether a fact holds in each dialect in which it was tried."""
    verdicts = {findings[f"{name}-{one}"].verdict for one in Dialect} - {Verdict.COULD_NOT_TELL}
    return verdicts == {Verdict.HOLDS} if verdicts else None
