import hashlib
import hmac
import json
from base64 import urlsafe_b64encode

import pytest

from convertapi_sandbox.credentials import Credentials, Right, Verdict

ALL = Credentials(
    secret="secret", token="token", master_token="master", jwt_kid="kid", jwt_key="key"
)
BOTH = (Right.CONVERT, Right.READ_ACCOUNT)


def jwt(expires):
    parts = ({"alg": "HS256", "kid": "kid"}, {"exp": expires})
    signed = b".".join(encoded(json.dumps(part).encode()) for part in parts)
    return (signed + b"." + encoded(hmac.digest(b"key", signed, hashlib.sha256))).decode()


def encoded(raw):
    return urlsafe_b64encode(raw).rstrip(b"=")


@pytest.mark.parametrize(
    ("given", "verdicts"),
    [
        ("secret", (Verdict.ACCEPTED, Verdict.ACCEPTED)),
        ("token", (Verdict.ACCEPTED, Verdict.REFUSED)),
        ("master", (Verdict.REFUSED, Verdict.ACCEPTED)),
        (jwt(1001), (Verdict.ACCEPTED, Verdict.REFUSED)),
        (jwt(1000), (Verdict.EXPIRED, Verdict.EXPIRED)),
        (jwt(float("nan")), (Verdict.EXPIRED, Verdict.EXPIRED)),
        ("other", (Verdict.UNKNOWN, Verdict.UNKNOWN)),
        ("", (Verdict.UNKNOWN, Verdict.UNKNOWN)),
        ("ключ", (Verdict.UNKNOWN, Verdict.UNKNOWN)),
    ],
)
def test_a_credential_is_worth_its_rights_until_it_expires(given, verdicts):
    assert tuple(ALL.judge(given, right, 1000) for right in BOTH) == verdicts


def test_nothing_is_accepted_where_nothing_is_set():
    assert Credentials().judge(jwt(1001), Right.CONVERT, 1000) is Verdict.UNKNOWN


def test_a_change_leaves_what_it_does_not_name():
    changed = ALL.changed({"token": "new", "secret": None})
    assert (changed.token, changed.secret, changed.master_token) == ("new", None, "master")


@pytest.mark.parametrize("wrong", [{"tokn": "x"}, {"token": ""}, {"token": 1}, {"jwt_kid": None}])
def test_a_wrong_change_is_refused(wrong):
    with pytest.raises(ValueError, match=r"."):
        ALL.changed(wrong)
