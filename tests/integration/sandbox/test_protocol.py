import re
import threading
import time
import uuid

import pytest

from convertapi_sandbox import Dialect, Duration

SPACING = 0.2
OWN_ID = {"/job/": lambda: str(uuid.uuid4()), "/async/job/": lambda: uuid.uuid4().hex}
FORM = {"/job/": r"[0-9a-f-]{36}", "/async/job/": r"[a-z0-9]{32}"}


def own_id(client):
    return OWN_ID[client.jobs]()


def test_a_job_from_start_to_end(any_dialect):
    job = any_dialect.submit()
    assert job.status_code == 200
    assert list(job.json()) == ["JobId"]
    job_id = job.json()["JobId"]
    assert re.fullmatch(FORM[any_dialect.jobs], job_id)
    result = any_dialect.wait(job_id).json()
    (file,) = result["Files"]
    assert result["ConversionCost"] == 1
    assert (file["FileName"], file["FileExt"]) == ("source.html", "html")
    content = any_dialect.session.get(file["Url"]).content
    assert len(content) == file["FileSize"]
    assert any_dialect.audit()["violations"] == 0


def test_polls_need_no_credential(any_dialect):
    job_id = any_dialect.submit().json()["JobId"]
    del any_dialect.session.headers["Authorization"]
    assert any_dialect.wait(job_id).status_code == 200


def test_a_running_job_answers_202_without_body(sandbox, client_of):
    with sandbox(duration=Duration(3)) as server:
        client = client_of(server)
        started = time.monotonic()
        job_id = client.submit().json()["JobId"]
        answer = client.poll(job_id)
        assert (answer.status_code, answer.content) == (202, b"")
        time.sleep(SPACING + 0.01)
        assert client.wait(job_id).status_code == 200
        assert time.monotonic() - started > 2.9


@pytest.mark.parametrize("dialect", ["query", "path"])
def test_an_early_poll_is_refused_and_counted(sandbox, client_of, dialect):
    with sandbox(spacing_s=3) as server:
        client = client_of(server, dialect)
        job_id = client.submit().json()["JobId"]
        client.poll(job_id)
        assert client.poll(job_id).status_code == 503
        time.sleep(3.01)
        assert client.poll(job_id).status_code in {200, 202}
        audit = client.audit()
    assert (audit["polls"], audit["early_polls"], audit["violations"]) == (3, 1, 1)


def test_an_overlapping_poll_is_refused_and_counted(sandbox, client_of):
    with sandbox(slow_s=3) as server:
        client = client_of(server)
        job_id = client.submit().json()["JobId"]
        client.wait(job_id)
        time.sleep(SPACING + 0.01)
        polls = client.audit()["polls"]
        server.set_faults({"slow_answer": 1})
        slow = threading.Thread(target=client.poll, args=(job_id,))
        slow.start()
        client.audit_with("polls", polls + 1)
        assert client_of(server).poll(job_id).status_code == 503
        slow.join()
        assert client.audit()["overlapping_polls"] == 1


def test_a_client_that_hangs_up_ends_its_poll(sandbox, client_of):
    with sandbox(slow_s=60) as server:
        client = client_of(server)
        job_id = client.submit().json()["JobId"]
        client.wait(job_id)
        time.sleep(SPACING + 0.01)
        server.set_faults({"slow_answer": 1})
        client.poll(job_id, stream=True).close()
        server.set_faults({})
        deadline = time.monotonic() + 30
        while client.poll(job_id).status_code != 200:
            assert time.monotonic() < deadline, "the poll is still in"
            time.sleep(SPACING)


def test_polls_after_the_result_are_counted_and_answered(client):
    job_id = client.submit().json()["JobId"]
    first = client.wait(job_id)
    time.sleep(SPACING + 0.01)
    assert client.poll(job_id).json() == first.json()
    assert client.audit()["polls_after_result"] == 1


def test_unknown_jobs_answer_404_without_json(any_dialect):
    for answer in (any_dialect.poll(own_id(any_dialect)), any_dialect("DELETE", "/job/x")):
        assert answer.status_code == 404
        assert not answer.headers["Content-Type"].startswith("application/json")
    assert any_dialect.audit()["unknown_polls"] == 1


def test_an_id_is_known_as_it_was_given(client, client_of, server):
    job_id = str(uuid.uuid4())
    client.submit(JobId=job_id)
    assert client.poll(job_id.replace("-", "")).status_code == 404
    assert client_of(server, "path").poll(job_id).status_code == 404
    assert client.wait(job_id).status_code == 200


def test_a_deleted_job_is_gone(any_dialect):
    job_id = any_dialect.submit().json()["JobId"]
    assert any_dialect("DELETE", any_dialect.jobs + job_id).status_code == 200
    assert any_dialect("DELETE", any_dialect.jobs + job_id).status_code == 404
    assert any_dialect.poll(job_id).status_code == 404
    assert any_dialect.audit()["deleted_jobs"] == 1


def test_a_running_job_can_be_deleted(sandbox, client_of):
    with sandbox(duration=Duration(30)) as server:
        client = client_of(server)
        job_id = client.submit().json()["JobId"]
        assert client("DELETE", f"/job/{job_id}").status_code == 200
        assert client.audit()["jobs_by_outcome"] == {"deleted": 1, "in_progress": 0}


def test_jobs_and_files_expire(sandbox, client_of):
    with sandbox(job_ttl_s=0.6, file_ttl_s=0.6) as server:
        client = client_of(server)
        job_id = client.submit(content=b"x").json()["JobId"]
        result = client.wait(job_id)
        time.sleep(0.7)
        assert client.poll(job_id).status_code == 404
        if result.status_code == 200:
            assert client.session.get(result.json()["Files"][0]["Url"]).status_code == 404


def test_own_ids_are_kept(any_dialect):
    job_id = own_id(any_dialect)
    assert any_dialect.submit(JobId=job_id).json() == {"JobId": job_id}
    assert any_dialect.wait(job_id).status_code == 200


def test_an_own_id_of_the_other_dialect_is_refused(any_dialect):
    wrong = uuid.uuid4().hex if any_dialect.jobs == "/job/" else str(uuid.uuid4())
    answer = any_dialect.submit(JobId=wrong)
    assert (answer.status_code, answer.json()["Code"]) == (400, 4000)
    assert list(answer.json()["InvalidParameters"]) == ["JobId"]
    assert any_dialect.audit()["paid"] == 0


def test_an_id_used_twice_is_paid_twice(any_dialect):
    job_id = own_id(any_dialect)
    for _ in range(2):
        assert any_dialect.submit(JobId=job_id).status_code == 200
    audit = any_dialect.audit()
    assert (audit["paid"], audit["paid_duplicates"], audit["reposted_after_paid"]) == (2, 1, 1)


def test_equal_conversions_are_duplicates_on_request(sandbox, client_of):
    with sandbox(audit_fingerprints=True) as server:
        client = client_of(server)
        client.submit(content=b"one")
        client.submit(content=b"two")
        assert client.audit()["paid_duplicates"] == 0
        client.submit(content=b"one", Timeout=20)
        assert client.audit()["paid_duplicates"] == 1


def test_semi_asynchronous_conversions_answer_and_can_be_polled(client):
    job_id = str(uuid.uuid4())
    answer = client.convert("md", "html", JobId=job_id)
    assert answer.json()["Files"]
    assert client.poll(job_id).json() == answer.json()


def test_one_dialect_alone(sandbox, client_of):
    with sandbox(dialects=frozenset({Dialect.PATH})) as server:
        client = client_of(server)
        answer = client.submit()
        assert "Files" in answer.json(), "Async=true is not known, the answer is the result"
        assert client.poll(str(uuid.uuid4())).status_code == 404
        assert client.audit()["unknown_polls"] == 0
    with sandbox(dialects=frozenset({Dialect.QUERY})) as server:
        client = client_of(server, "path")
        assert client.submit().status_code == 404


@pytest.mark.parametrize("dialect", ["query", "path"])
def test_the_live_service_may_ignore_asynchrony(sandbox, client_of, dialect):
    with sandbox(ignore_async=True) as server:
        assert "Files" in client_of(server, dialect).submit().json()


def test_timeout_ends_a_conversion(sandbox, client_of):
    with sandbox(duration=Duration(600)) as server:
        client = client_of(server)
        started = time.monotonic()
        answer = client.convert("md", "html", Timeout=10)
        assert (answer.status_code, answer.json()["Code"]) == (500, 5000)
        assert 9.5 < time.monotonic() - started < 60


@pytest.mark.parametrize(
    ("headers", "query", "code"),
    [
        ({"Authorization": None}, "", 4013),
        ({"Authorization": "Basic x"}, "", 4013),
        ({"Authorization": "Bearer wrong"}, "", 4011),
        ({"Authorization": "Bearer a.b.c"}, "", 4012),
        ({"Authorization": None}, "Secret=wrong", 4010),
        ({"Authorization": None}, "Token=wrong", 4011),
    ],
)
def test_wrong_credentials(client, headers, query, code):
    paths = {"/user": "GET", "/upload": "POST", "/convert/md/to/pdf": "POST"}
    for path, method in {**paths, "/async/convert/md/to/pdf": "POST"}.items():
        answer = client(method, f"{path}?{query}", headers=headers)
        assert (answer.status_code, answer.json()["Code"]) == (401, code)
    assert client.audit()["bad_credentials"] == 4


@pytest.mark.parametrize("query", ["Secret=sandbox", "Token=sandbox"])
def test_credentials_in_the_query(client, query):
    del client.session.headers["Authorization"]
    assert client("GET", f"/user?{query}").json()["Active"] is True
    answer = client("POST", f"/convert/md/to/html?{query}", files={"File": ("a.md", b"x")})
    assert answer.status_code == 200


def test_a_used_up_balance(sandbox, client_of):
    with sandbox(balance=1) as server:
        client = client_of(server)
        assert client.convert("md", "html").status_code == 200
        answer = client.convert("md", "html")
        assert (answer.status_code, answer.json()["Code"]) == (401, 4014)
        user = client("GET", "/user").json()
        assert (user["Active"], user["ConversionsTotal"], user["ConversionsConsumed"]) == (
            False,
            1,
            1,
        )
        assert client.audit()["bad_credentials"] == 0


def test_reset_forgets(server, client):
    job_id = client.submit().json()["JobId"]
    server.reset()
    assert client.poll(job_id).status_code == 404
    assert client.audit()["paid"] == 0
    assert client("GET", "/user").json()["ConversionsConsumed"] == 0


def test_addresses_that_are_not_there(client):
    assert client("GET", "/nowhere").status_code == 404
    assert client("GET", "/convert/md/to/pdf").status_code == 405
