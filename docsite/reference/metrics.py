"""The metrics' reference, from what `/metrics` answers for a fleet that has one of everything."""

from __future__ import annotations

from typing import Final

from prometheus_client.metrics_core import Metric

from conveyor import AccountStatus, FailureKind, Fleet, State
from docsite.markdown import code, sentence, table
from web.metrics import metrics_of

__all__ = ["page"]

_HEAD: Final = """# Metrics

`GET /metrics` answers in Prometheus' text format. The figures are the whole fleet's, read from
Redis when you ask, so every web process tells you the same. Scrape one of them.

"""
_SAMPLE: Final = Fleet(
    states=dict.fromkeys(State, 1),
    dead=dict.fromkeys(FailureKind, 1),
    throughput=(),
    oldest_overdue_s=0.0,
    unreadable=0,
    counts={},
    accounts=(AccountStatus(account="main", held="", rate=None, jobs=0),),
)


def page() -> str:
    """The page's Markdown."""
    rows = [_row(family) for family in metrics_of(_SAMPLE)]
    return _HEAD + table(("metric", "type", "labels", "meaning"), rows)


def _row(family: Metric) -> tuple[str, str, str, str]:
    # A counter's samples carry the suffix that you query by.
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return code(name), family.type, _labels(family), sentence(family.documentation)


def _labels(family: Metric) -> str:
    names = {name for sample in family.samples for name in sample.labels} - {"le"}
    return ", ".join(f"{code(name)}: {_values(family, name)}" for name in sorted(names))


def _values(family: Metric, label: str) -> str:
    if label == "account":
        return "its name"
    return ", ".join(dict.fromkeys(sample.labels[label] for sample in family.samples))
