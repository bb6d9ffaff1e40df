"""A sample has all that a real event has."""

from __future__ import annotations

from uuid import UUID

import pytest

from conveyor.callbacks.bodies import payload_of
from conveyor.callbacks.samples import sample_of
from conveyor.domain.conversion import State

AT = 1_700_000_000.0
FAILURES = {
    State.FAILED: ("input", "damaged"),
    State.EXPIRED: ("expired", "forgotten"),
    State.CANCELLED: ("cancelled", "cancelled"),
}


def test_sample_of_a_success_brings_a_file_and_its_price():
    sample = sample_of(State.SUCCEEDED, AT)
    told = payload_of(sample)["data"]

    assert (sample.state, sample.at, sample.number) == (State.SUCCEEDED, AT, 1)
    assert (told["source_name"], told["metadata"]) == ("report.docx", {"sample": True})
    assert (told["cost"], told["file_count"], told["failure"]) == (1, 1, None)
    assert [(file["name"], file["size"]) for file in told["files"]] == [("report.pdf", 48_213)]


@pytest.mark.parametrize("state", FAILURES)
def test_sample_of_a_failure_says_why_and_costs_nothing(state):
    told = payload_of(sample_of(state, AT))["data"]

    assert (told["cost"], told["files"], told["file_count"]) == (0, [], 0)
    assert (told["failure"]["kind"], told["failure"]["reason"]) == FAILURES[state]
    assert told["failure"]["sentence"]


def test_samples_differ_by_their_ids():
    one, other = sample_of(State.SUCCEEDED, AT), sample_of(State.SUCCEEDED, AT)

    assert UUID(one.conversion_id) != UUID(other.conversion_id)
    assert one.id != other.id
    assert one.id.startswith("msg_")
