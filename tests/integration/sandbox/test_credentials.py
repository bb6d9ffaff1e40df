"""Credentials and their rights, and how they change while a fleet runs."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime

import pytest

ALL = {
    "secret": "the-secret",
    "token": "the-token",
    "master_token": "the-master",
    "jwt_kid": "kid-1",
    "jwt_key": "the-key",
}


#: Seconds since the epoch; parameters are made long before their test runs.
FAR_AHEAD = 4_000_000_000


def encoded(part):
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwt(key="the-key", *, kid="kid-1", alg="HS256", **claims):
    claims = {"exp": FAR_AHEAD, **claims}
    kept = {name: value for name, value in claims.items() if value is not None}
    signed = f"{encoded({'alg': alg, 'kid': kid, 'typ': 'JWT'})}.{encoded(kept)}"
    return f"{signed}.{encoded(hmac.digest(key.encode(), signed.encode(), hashlib.sha256))}"


@pytest.fixture
def strict(sandbox):
    with sandbox(**ALL) as server:
        yield server


@pytest.fixture
def as_bearer(strict, client_of):
    def make(credential):
        client = client_of(strict)
        client.session.headers["Authorization"] = f"Bearer {credential}"
        return client

    return make


def verdicts(client):
    """Status and code of a conversion, an upload, the account and its statistic."""
    answers = (
        client("POST", "/convert/md/to/html", files={"File": ("a.md", b"x")}),
        client("POST", "/upload", files={"File": ("a.md", b"x")}),
        client("GET", "/user"),
        client("GET", "/user/statistic"),
    )
    return [
        200 if answer.status_code == 200 else (answer.status_code, answer.json()["Code"])
        for answer in answers
    ]


NO_CONVERTING, NO_READING = (401, 4011), (401, 4010)


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        ("the-secret", [200] * 4),
        ("the-token", [200, 200, NO_READING, NO_READING]),
        ("the-master", [NO_CONVERTING, NO_CONVERTING, 200, 200]),
        (jwt(), [200, 200, NO_READING, NO_READING]),
        ("nonsense", [NO_CONVERTING] * 4),
    ],
    ids=["secret", "token", "master", "jwt", "nonsense"],
)
def test_a_credential_has_its_rights_and_no_others(as_bearer, credential, expected):
    assert verdicts(as_bearer(credential)) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        jwt(exp=time.time() - 1),
        jwt(exp=None),
        jwt(exp="tomorrow"),
        jwt("another-key"),
        jwt(kid="kid-2"),
        jwt(alg="none"),
        jwt() + "A",
        "a.b.c",
        "..",
    ],
)
def test_a_jwt_that_is_expired_or_not_ours_is_refused_as_4012(as_bearer, strict, wrong):
    assert verdicts(as_bearer(wrong)) == [(401, 4012)] * 4
    assert strict.audit()["bad_credentials"] == 4


def test_polls_need_no_right(as_bearer, client_of, strict):
    job_id = client_of(strict).submit().json()["JobId"]
    assert as_bearer("nonsense").wait(job_id).status_code == 200
    assert strict.audit()["polls_with_credentials"] > 0


def test_without_a_key_no_jwt_is_accepted(client):
    client.session.headers["Authorization"] = f"Bearer {jwt('')}"
    assert client("GET", "/user").json()["Code"] == 4012


def test_a_secret_is_rotated_while_clients_run(strict, as_bearer):
    old, new = as_bearer("the-secret"), as_bearer("another")
    assert old("GET", "/user").status_code == 200
    strict.set_credentials(secret="another")
    assert old("GET", "/user").json()["Code"] == 4011
    assert new("GET", "/user").json()["Secret"] == "another"
    assert as_bearer("the-master")("GET", "/user").status_code == 200


def test_a_credential_is_taken_away_and_given_back(strict, as_bearer):
    client = as_bearer("the-token")
    strict.set_credentials(token=None)
    assert client("POST", "/upload", files={"File": ("a.md", b"x")}).status_code == 401
    strict.set_credentials(token="the-token")
    assert client("POST", "/upload", files={"File": ("a.md", b"x")}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"{", b"3", b'{"nonsense": "x"}', b'{"token": ""}', b'{"token": 1}', b'{"jwt_kid": null}'],
)
def test_wrong_orders_change_nothing(as_bearer, body):
    client = as_bearer("the-token")
    assert client("POST", "/_credentials", data=body).status_code == 400
    assert verdicts(client)[:2] == [200, 200]


def test_the_statistic_counts_conversions_by_day(client):
    for _ in range(3):
        client.convert("md", "html")
    today = datetime.now(UTC).date().isoformat()
    params = {"startDate": today, "endDate": today}
    answer = client("GET", "/user/statistic", params=params)
    assert answer.json() == [{"Date": today, "Conversions": 3}]
    answer = client("GET", "/user/statistic", params=params, headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.text.splitlines() == ["Date,Conversions", f"{today},3"]
    past = {"startDate": "2020-01-01", "endDate": "2020-02-01"}
    assert client("GET", "/user/statistic", params=past).json() == []


def test_a_statistic_of_no_date_is_refused(client):
    answer = client("GET", "/user/statistic?startDate=soon")
    assert (answer.status_code, answer.json()["Code"]) == (400, 4000)


def test_a_plan_with_overage_converts_above_its_balance(sandbox, client_of):
    with sandbox(balance=1, overage=True) as server:
        client = client_of(server)
        assert [client.convert("md", "html").status_code for _ in range(3)] == [200] * 3
        user = client("GET", "/user").json()
        assert user["Active"] is True
        assert (user["ConversionsTotal"], user["ConversionsConsumed"]) == (1, 3)
