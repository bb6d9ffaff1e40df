from __future__ import annotations

import base64
import time

import pytest
import standardwebhooks

from conveyor.callbacks.signing import headers_of, key_of, keys_of

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
    ],
)
def test_wrong_secrets_are_refused_without_being_shown(secrets):
    with pytest.raises(ValueError, match="must be") as refused:
        keys_of(secrets)

    assert "hush" not in str(refused.value)


def test_no_secrets_are_no_keys():
    assert keys_of("") == ()
