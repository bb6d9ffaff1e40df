"""A POST that is held, repeated, or overtaken by a poll; FileIds that are gone."""

import time
import uuid
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import requests

from convertapi_sandbox import Repeated

SPACING = 0.2


@pytest.fixture
def held(sandbox, client_of):
    """A client of a sandbox whose gateway holds each submit for a while."""
    with sandbox(hold_s=3, faults={"held_submit": 1}) as server:
        yield client_of(server)


def own_id(client):
    return str(uuid.uuid4()) if client.jobs == "/job/" else uuid.uuid4().hex


def test_a_held_submit_is_delivered_and_answered(held):
    job_id = own_id(held)
    assert held.submit(JobId=job_id).json() == {"JobId": job_id}
    assert held.wait(job_id).status_code == 200
    assert held.audit()["paid"] == 1


def test_a_held_submit_is_delivered_although_its_client_has_gone(held):
    job_id, file_id = own_id(held), held.upload(b"# Title")
    with pytest.raises(requests.ReadTimeout):
        held.session.post(
            f"{held.url}/convert/md/to/html",
            params={"Async": "true", "JobId": job_id, "File": file_id},
            timeout=0.3,
        )
    held.poll(job_id)
    assert held.audit_with("paid", 1)["paid"] == 1
    assert held.wait(job_id).status_code == 200
    audit = held.audit()
    assert (audit["polls_during_submit"], audit["submits"]) == (0, 1)


def test_a_poll_during_a_submit_is_counted_until_its_client_goes(server, client):
    job_id = own_id(client)
    server.set_faults({"silent_submit": 1})
    connection = HTTPConnection(urlsplit(client.url).netloc)
    connection.request("POST", f"/convert/md/to/html?Async=true&JobId={job_id}")
    client.audit_with("submits", 1)
    for asked in (job_id, own_id(client)):
        assert client.poll(asked).status_code == 404
    audit = client.audit()
    assert (audit["polls_during_submit"], audit["violations"]) == (1, 1)
    connection.close()
    server.set_faults({})
    assert client.submit(JobId=job_id).status_code == 200
    assert client.wait(job_id).status_code == 200
    assert client.audit()["polls_during_submit"] == 1


def test_a_poll_after_a_refused_submit_is_none_during_it(client):
    job_id = own_id(client)
    assert client.submit(JobId=job_id, Timeout=1).status_code == 400
    assert client.poll(job_id).status_code == 404
    assert client.audit()["polls_during_submit"] == 0


@pytest.mark.parametrize(
    ("repeated", "status", "paid"),
    [
        (Repeated.TAKEN, 200, 2),
        (Repeated.REFUSED, 409, 1),
        (Repeated.REFUSED_400, 400, 1),
        (Repeated.FIRST, 200, 1),
    ],
)
def test_a_repeated_job_id(sandbox, client_of, repeated, status, paid):
    with sandbox(repeated_job_id=repeated) as server:
        for client in (client_of(server), client_of(server, "path")):
            server.reset()
            job_id = own_id(client)
            client.submit(JobId=job_id)
            answer = client.submit(JobId=job_id)
            assert answer.status_code == status
            assert_tells(answer, job_id)
            audit = client.audit()
            assert (audit["paid"], audit["paid_duplicates"]) == (paid, paid - 1)
            assert audit["reposted_after_paid"] == 1
            assert client.wait(job_id).status_code == 200


def assert_tells(answer, job_id):
    if answer.status_code == 200:
        assert answer.json() == {"JobId": job_id}
    else:
        assert isinstance(answer.json()["Code"], int)
        assert "JobId is already in use" in answer.text


def test_a_repeated_semi_asynchronous_submit_is_answered_with_the_first_result(sandbox, client_of):
    with sandbox(repeated_job_id=Repeated.FIRST) as server:
        client = client_of(server)
        job_id = own_id(client)
        first = client.convert("md", "html", JobId=job_id)
        again = client.convert("md", "html", b"# Other", JobId=job_id)
        assert again.json() == first.json()
        assert client.audit()["paid"] == 1


def test_a_submit_after_one_that_was_lost_on_its_way_back_is_reposted(server, client):
    job_id = own_id(client)
    server.set_faults({"message_only_502_after_submit": 1})
    assert client.submit(JobId=job_id).status_code == 502
    server.set_faults({"throttle_submit": 1})
    assert client.submit(JobId=job_id).status_code == 503
    audit = client.audit()
    assert (audit["paid"], audit["reposted_after_paid"], audit["violations"]) == (1, 1, 1)


def test_a_submit_after_one_that_started_nothing_is_none(server, client):
    job_id = own_id(client)
    server.set_faults({"message_only_502_submit": 1})
    client.submit(JobId=job_id)
    server.set_faults({})
    assert client.submit(JobId=job_id).status_code == 200
    audit = client.audit()
    assert (audit["paid"], audit["submits"], audit["violations"]) == (1, 2, 0)


def test_a_file_id_that_vanishes_is_refused_at_the_submit(server, any_dialect):
    server.set_faults({"vanish_file": 1})
    answer = any_dialect.submit()
    assert (answer.status_code, answer.json()["Code"]) == (500, 5009)
    server.set_faults({})
    assert any_dialect.submit().status_code == 200
    audit = any_dialect.audit()
    assert (audit["paid"], audit["foreign_file_ids"]) == (1, 0)


def test_a_file_vanishes_by_its_id(server, client):
    file_id, other = client.upload(b"# Title"), client.upload(b"# Other")
    server.vanish([file_id])
    answer = client("POST", "/convert/md/to/html", data={"File": file_id})
    assert (answer.status_code, answer.json()["Code"]) == (500, 5009)
    assert client("POST", "/convert/md/to/html", data={"File": other}).status_code == 200
    assert client("GET", f"/d/{file_id}").status_code == 404


def test_a_file_of_another_host_is_unknown_and_counted(sandbox, client, client_of):
    file_id = client.upload(b"# Title")
    with sandbox() as elsewhere:
        other = client_of(elsewhere)
        answer = other("POST", "/convert/md/to/html", data={"File": file_id})
        assert (answer.status_code, answer.json()["Code"]) == (500, 5009)
        assert (other.audit()["foreign_file_ids"], other.audit()["paid"]) == (1, 0)


def test_vanishing_spares_requests_without_file_ids(server, client):
    server.set_faults({"vanish_file": 1})
    assert client.convert("md", "html").status_code == 200
    assert client.audit()["faults"] == {}


@pytest.mark.parametrize("body", [b"{", b"3"])
def test_a_wrong_order_to_vanish_is_refused(client, body):
    assert client("POST", "/_vanish", data=body).status_code == 400


def test_deletes_are_counted_whatever_becomes_of_them(server, client):
    file_id = client.upload(b"x")
    server.set_faults({"failed_delete": 1})
    client("DELETE", f"/d/{file_id}")
    server.set_faults({})
    client("DELETE", f"/d/{file_id}")
    client("DELETE", f"/job/{uuid.uuid4()}")
    audit = client.audit()
    assert (audit["deletes"], audit["deleted_files"], audit["deleted_jobs"]) == (3, 1, 0)


def test_a_used_up_file_expires_before_it_is_asked_for(sandbox, client_of):
    with sandbox(file_ttl_s=0.3) as server:
        client = client_of(server)
        file_id = client.upload(b"# Title")
        time.sleep(0.35)
        answer = client("POST", "/convert/md/to/html", data={"File": file_id})
        assert (answer.json()["Code"], client.audit()["foreign_file_ids"]) == (5009, 0)
