from __future__ import annotations

import base64
import time

import pytest
import standardwebhooks

from conveyor.callbacks.signing import headers_of, is_genuine, key_of, keys_of

NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
OLD = "whsec_" + base64.b64encode(b"o" * 24).decode()
OTHER = "whsec_" + base64.b64encode(b"x" * 32).decode()
BODY = b'{"type":"conversion.succeeded"}'


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_receiver_verifies_with_either_secret_while_one_is_rotated(secret):
    headers = headers_of(keys_of(f"{NEW}, {OLD}"), "msg_1", int(time.time()), BODY)

    verified = standardwebhooks.Webhook(secret).verify(BODY, headers)
    assert verified == {"type": "conversion.succeeded"}


@pytest.mark.parametrize(
    ("secret", "body"), [(OTHER, BODY), (NEW, BODY + b" ")], ids=["another secret", "another body"]
)
def test_receiver_refuses(secret, body):
    headers = headers_of(keys_of(NEW), "msg_1", int(time.time()), BODY)

    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(body, headers)


def test_signature_is_that_of_the_specification():
    """The example of https://github.com/standard-webhooks/standard-webhooks, its own libraries'."""
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = headers_of([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "secrets",
    [
        *("hush", "whsec_", "whsec_hush", "whsec_" + base64.b64encode(b"short").decode()),
        *("whsec_" + base64.b64encode(b"x" * 65).decode(), f"{NEW} {OLD} {OTHER}"),
        *(f"{NEW[:-1]}-=", f"{NEW[:9]}!{NEW[9:]}"),
    ],
)
def test_wrong_secrets_are_refused_without_being_shown(secrets):
    with pytest.raises(ValueError, match="must be") as refused:
        keys_of(secrets)

    assert "hush" not in str(refused.value)


def test_no_secrets_are_no_keys():
    assert keys_of("") == ()


AT = 1_700_000_000


def signed(secrets=NEW, at=AT, **changed):
    return {**headers_of(keys_of(secrets), "msg_1", at, BODY), **changed}


@pytest.mark.parametrize("secrets", [NEW, f"{OLD}, {NEW}"])
@pytest.mark.parametrize("now", [AT, AT - 300, AT + 300])
def test_message_is_genuine_by_either_secret_for_five_minutes(secrets, now):
    assert is_genuine(keys_of(NEW), signed(secrets), BODY, now)
    assert is_genuine(keys_of(f"{OTHER}, {NEW}"), signed(secrets), BODY, now)


@pytest.mark.parametrize(
    "headers",
    [
        signed(OTHER),
        signed(at=AT - 301),
        signed(at=AT + 301),
        signed(**{"webhook-id": "msg_2"}),
        signed(**{"webhook-timestamp": str(AT + 1)}),
        signed(**{"webhook-timestamp": "soon"}),
        signed(**{"webhook-timestamp": "-1"}),
        signed(**{"webhook-timestamp": ""}),
        signed(**{"webhook-timestamp": "9" * 5000}),
        signed(**{"webhook-signature": ""}),
        signed(**{"webhook-signature": "v1,é"}),
        {},
    ],
    ids=lambda headers: repr(headers)[-40:],
)
def test_anything_else_is_not_genuine(headers):
    assert not is_genuine(keys_of(NEW), headers, BODY, AT)


def test_other_body_is_not_genuine():
    assert not is_genuine(keys_of(NEW), signed(), BODY + b" ", AT)
