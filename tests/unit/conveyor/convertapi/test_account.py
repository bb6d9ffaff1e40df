"""The account's state, in whatever form ``/user`` says it."""

from __future__ import annotations

import json

import pytest

from conveyor.convertapi.account import Account, read_account
from conveyor.convertapi.answer import Answer
from conveyor.convertapi.errors import Unclear


@pytest.mark.parametrize(
    ("body", "account"),
    [
        (
            {"Active": True, "ConversionsTotal": 100, "ConversionsConsumed": 7},
            Account(active=True, conversions_total=100, conversions_consumed=7),
        ),
        ({"Active": False}, Account(active=False, conversions_total=0, conversions_consumed=0)),
        ({}, Account(active=True, conversions_total=0, conversions_consumed=0)),
        (
            {"ConversionsTotal": "100", "ConversionsConsumed": "x"},
            Account(active=True, conversions_total=100, conversions_consumed=0),
        ),
        (
            {"ConversionsTotal": 10**30, "ConversionsConsumed": -1},
            Account(active=True, conversions_total=2**53, conversions_consumed=0),
        ),
    ],
    ids=str,
)
def test_account_is_read(body, account):
    assert read_account(Answer(200, body=json.dumps(body).encode())) == account


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>"])
def test_answer_that_is_no_object_is_unclear(body):
    with pytest.raises(Unclear, match="unknown form"):
        read_account(Answer(200, body=body))
