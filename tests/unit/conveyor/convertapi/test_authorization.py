"""Whose secret a request carries, where, and what a refusal of it leads to."""

from __future__ import annotations

import pytest

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.authorization import Auth, Authorization, Sender, Signature
from conveyor.convertapi.credentials import FixedCredentials
from conveyor.convertapi.errors import Unreachable
from tests.credentials import Broken, Rotating

TAKEN, REFUSED = Answer(200), Answer(401)


class OnceBroken(Rotating):
    def refresh(self, refused):
        raise OSError("/run/secrets/hush")


@pytest.fixture
def sent():
    """The bearers that were sent."""
    return []


@pytest.fixture
def send(sent):
    """Requests that are answered in this order; the last answer is given again."""

    def answering(*answers):
        left = list(answers)

        def once(bearer):
            sent.append(bearer)
            return left.pop(0) if len(left) > 1 else left[0]

        return once

    return answering


def _authorization(account="account", owner=None, auth=Auth.HEADER):
    account = FixedCredentials(account) if isinstance(account, str) else account
    return Authorization(account, owner and FixedCredentials(owner), auth)


@pytest.mark.parametrize(
    ("auth", "bearer", "signature"),
    [
        (Auth.HEADER, "a", Signature(fields={"Authorization": "Bearer a"})),
        (Auth.QUERY, "a", Signature(query={"Secret": "a"})),
        (Auth.HEADER, None, Signature()),
        (Auth.QUERY, None, Signature()),
    ],
)
def test_secret_goes_where_it_is_set_to_go(auth, bearer, signature):
    made = _authorization(auth=auth).signature(bearer)

    assert (dict(made.fields), dict(made.query)) == (signature.fields, signature.query)


def test_settings_say_header_and_query():
    assert [Auth("header"), Auth("query")] == [Auth.HEADER, Auth.QUERY]


@pytest.mark.parametrize(
    ("owner", "sender", "bearer"),
    [
        ("owner", Sender.NOBODY, None),
        ("owner", Sender.ACCOUNT, "account"),
        ("owner", Sender.OWNER, "owner"),
        (None, Sender.OWNER, "account"),
    ],
)
def test_request_carries_the_secret_of_its_sender(*, send, sent, owner, sender, bearer):
    assert _authorization(owner=owner).signed(sender, send(TAKEN)) is TAKEN
    assert sent == [bearer]


def test_refusal_of_a_request_of_nobody_is_its_answer(send, sent):
    assert _authorization().signed(Sender.NOBODY, send(REFUSED, TAKEN)) is REFUSED
    assert sent == [None]


def test_refused_request_is_sent_once_more_with_a_newer_secret(send, sent):
    credentials = Rotating("old", "new", "newest")
    answer = _authorization(credentials).signed(Sender.ACCOUNT, send(REFUSED, TAKEN))

    assert answer is TAKEN
    assert sent == ["old", "new"]
    assert credentials.refused == ["old"]


@pytest.mark.parametrize(
    "credentials", [FixedCredentials("old"), Rotating("old"), OnceBroken("old", "new")]
)
def test_refused_request_without_a_newer_secret_is_not_repeated(*, send, sent, credentials, caplog):
    answer = _authorization(credentials).signed(Sender.ACCOUNT, send(REFUSED, TAKEN))

    assert answer is REFUSED
    assert sent == ["old"]
    assert "hush" not in caplog.text


def test_secret_that_can_not_be_read_sends_nothing_and_says_its_kind_alone(send, sent, caplog):
    with pytest.raises(Unreachable, match="could not be read: OSError") as raised:
        _authorization(Broken()).signed(Sender.ACCOUNT, send(TAKEN))

    assert sent == []
    assert "hush" not in f"{raised.value}{caplog.text}"
    assert raised.value.__suppress_context__


def test_secrets_of_now_are_known_before_anything_was_sent():
    assert _authorization(owner="owner").secrets == ("account", "owner")


def test_secrets_that_can_not_be_read_are_not_known():
    assert _authorization(Broken(), owner="owner").secrets == ("owner",)


def test_secret_is_known_once():
    authorization = _authorization()

    assert authorization.secrets == authorization.secrets == ("account",)


@pytest.mark.parametrize("bearers", [("",), ("", "")])
def test_empty_secret_is_none(bearers):
    assert _authorization(Rotating(*bearers)).secrets == ()


def test_eight_latest_secrets_are_known(send):
    credentials = Rotating(*map(str, range(10)))
    authorization = _authorization(credentials)
    for _ in range(9):
        authorization.signed(Sender.ACCOUNT, send(REFUSED, TAKEN))

    assert authorization.secrets == tuple(map(str, range(2, 10)))
