from __future__ import annotations

import pytest

from conveyor.domain.answers import (
    Busy,
    Failed,
    InProgress,
    Lost,
    NotFound,
    RemoteFile,
    Result,
    Throttled,
    Unreadable,
)


@pytest.mark.parametrize(
    ("answer", "in_full"),
    [
        (RemoteFile("a.pdf"), RemoteFile("a.pdf", url="", size=None, kept=None)),
        (Result(1, ()), Result(1, (), extra={})),
        # What can't be read has been paid: by one conversion, where it does not say more.
        (Unreadable("cut", "{}"), Unreadable("cut", "{}", cost=1)),
        (Throttled(), Throttled(retry_after_s=None)),
        (Busy(), Busy(retry_after_s=None, status=503)),
        (NotFound(), NotFound(message="")),
        (Lost("cut"), Lost("cut", status=0, closed_at_once=False, paid=False)),
    ],
    ids=lambda it: type(it).__name__,
)
def test_answer_says_no_more_than_the_service_did(answer, in_full):
    assert answer == in_full


def test_answers_of_other_kinds_differ():
    assert InProgress() != NotFound()
    assert Failed(404, 0, "") != NotFound("")
