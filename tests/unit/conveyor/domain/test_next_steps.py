from __future__ import annotations

import pytest

from config.settings import WorkerSettings
from conveyor.domain import rules
from conveyor.domain.conversion import Failure, FailureKind
from conveyor.domain.next_steps import AskFirst, Bury, Limits, PollAgain, SubmitAgain

FAILURE = Failure(FailureKind.SERVICE, "It broke.")


@pytest.mark.parametrize(
    ("limit", "setting"),
    [
        ("submits", "submit_attempts"),
        ("consecutive_failures", "poll_failures"),
        ("submit_s", "submit_seconds"),
        ("hold_s", "hold_seconds"),
        ("proof_s", "proof_seconds"),
        ("proof_closed_s", "proof_closed_seconds"),
        ("may_repay", "allow_repay"),
    ],
)
def test_limit_is_what_its_setting_is_unless_it_is_set(limit, setting):
    assert getattr(Limits(), limit) == WorkerSettings.model_fields[setting].default


def test_job_is_given_up_ten_minutes_after_the_end_of_its_life():
    assert Limits().job_s == rules.JOB_LIFE_S + 600


@pytest.mark.parametrize(
    ("step", "in_full"),
    [
        (PollAgain(True, False), PollAgain(True, False, "", 0.0, missing=False, proof_in_s=0.0)),
        (AskFirst("cut"), AskFirst("cut", closed_at_once=False, refusal=None)),
        (SubmitAgain("away"), SubmitAgain("away", pays_anew=False, reupload=False)),
        (Bury(FAILURE), Bury(FAILURE, cost=0)),
    ],
    ids=["poll", "ask", "submit", "bury"],
)
def test_step_does_no_more_than_it_says(step, in_full):
    assert step == in_full
