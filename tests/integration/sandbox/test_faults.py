import json
import time
import uuid

import pytest
import requests

from convertapi_sandbox.errors import CONVERSION_ERRORS

SPACING = 0.2


def finished(client, server, **params):
    """Return the id of a job whose result waits, with no poll yet."""
    job_id = client.submit(**params).json()["JobId"]
    for _ in range(100):
        if not server.audit()["jobs_by_outcome"]["in_progress"]:
            return job_id
        time.sleep(0.02)
    raise AssertionError("the job did not end")


def test_throttle_submit_starts_nothing(server, any_dialect):
    server.set_faults({"throttle_submit": 1})
    assert any_dialect.submit().status_code == 503
    audit = any_dialect.audit()
    assert (audit["throttled"], audit["jobs"], audit["paid"]) == (1, 0, 0)


def test_lost_submit_is_charged_and_can_be_polled(server, client):
    server.set_faults({"lost_submit": 1})
    job_id = str(uuid.uuid4())
    with pytest.raises(requests.ConnectionError):
        client.submit(JobId=job_id)
    assert client.audit()["paid"] == 1
    assert client.wait(job_id).status_code == 200


def test_gateway_submit_is_charged_and_can_be_polled(server, client):
    server.set_faults({"gateway_submit": 1})
    job_id = str(uuid.uuid4())
    answer = client.submit(JobId=job_id)
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert client.audit()["paid"] == 1
    assert client.wait(job_id).status_code == 200


def test_finished_submit(server, any_dialect):
    server.set_faults({"finished_submit": 1})
    answer = any_dialect.submit().json()
    assert "JobId" not in answer
    assert answer["Files"][0]["Url"]


def test_foreign_job_id(server, client):
    server.set_faults({"foreign_job_id": 1})
    own = str(uuid.uuid4())
    real = client.submit(JobId=own).json()["JobId"]
    assert real != own
    assert client.poll(own).status_code == 404
    assert client.wait(real).status_code == 200


def test_gateway_poll(server, client):
    job_id = finished(client, server)
    server.set_faults({"gateway_poll": 1})
    answer = client.poll(job_id)
    assert answer.status_code in {502, 504}
    assert answer.text.startswith("<html>")
    server.set_faults({})
    time.sleep(SPACING + 0.01)
    assert client.poll(job_id).status_code == 200
    assert client.audit()["polls_after_result"] == 0


def test_lost_poll(server, client):
    job_id = finished(client, server)
    server.set_faults({"lost_poll": 1})
    with pytest.raises(requests.ConnectionError):
        client.poll(job_id)
    server.set_faults({})
    time.sleep(SPACING + 0.01)
    assert client.poll(job_id).status_code == 200


def test_slow_answer(server, client):
    job_id = finished(client, server)
    server.set_faults({"slow_answer": 1})
    started = time.monotonic()
    answer = client.poll(job_id)
    assert answer.json()["Files"]
    assert time.monotonic() - started > 0.5


def test_truncated_json(server, client):
    job_id = finished(client, server)
    server.set_faults({"truncated_json": 1})
    answer = client.poll(job_id)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)


def test_raw_result(server, client):
    job_id = finished(client, server)
    server.set_faults({"raw_result": 1})
    answer = client.poll(job_id)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert b"Title" in answer.content


def test_truncated_download(server, client):
    url = client.convert("md", "html").json()["Files"][0]["Url"]
    server.set_faults({"truncated_download": 1})
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        _ = client.session.get(url).content


def test_short_download(server, client):
    file = client.convert("md", "html").json()["Files"][0]
    server.set_faults({"short_download": 1})
    assert len(client.session.get(file["Url"]).content) == file["FileSize"] // 2


def test_outage_meets_every_request_but_ours(server, client):
    server.set_faults({"outage": 1})
    for method, path in (("GET", "/user"), ("POST", "/convert/md/to/pdf"), ("GET", "/nowhere")):
        with pytest.raises(requests.ConnectionError):
            client(method, path)
    assert client.audit()["faults"] == {"outage": 3}


@pytest.mark.parametrize("code", CONVERSION_ERRORS)
def test_conversion_errors(server, client, code):
    server.set_faults({f"error_{code}": 1})
    answer = client.wait(client.submit().json()["JobId"])
    assert (answer.status_code, answer.json()["Code"]) == (500, code)
    assert answer.json()["Message"]
    assert client.audit()["jobs_by_outcome"] == {"failed": 1, "in_progress": 0}


@pytest.mark.parametrize("body", [b"{", b"[]x", b"3", b'{"nonsense": 1}', b'{"outage": 2}'])
def test_wrong_orders_change_nothing(server, client, body):
    server.set_faults({"throttle_submit": 1})
    answer = client("POST", "/_faults", data=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert client.submit().status_code == 503


def test_the_server_checks_names_itself(server):
    with pytest.raises(ValueError, match="no fault 'nonsense'"):
        server.set_faults({"nonsense": 1})
