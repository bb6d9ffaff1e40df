import json
import time


def test_a_get_with_the_id_in_the_query(client, receiver):
    job_id = client.submit(WebHook=f"{receiver.url}/hook?a=1").json()["JobId"]
    assert receiver.wait_for(1) == [("GET", f"/hook?a=1&JobId={job_id}", "")]
    assert client.poll(job_id).status_code == 200
    assert client.audit_with("webhooks_sent", 1)["webhooks_sent"] == 1


def test_a_post_with_the_id_in_json(server, client_of, receiver):
    client = client_of(server, "path")
    job_id = client.submit(WebHook=receiver.url).json()["JobId"]
    ((method, path, body),) = receiver.wait_for(1)
    assert (method, path, json.loads(body)) == ("POST", "/", {"JobId": job_id})


def test_failures_are_reported_in_the_query_dialect_alone(server, client_of, receiver):
    server.set_faults({"error_5001": 1})
    for dialect in ("query", "path"):
        client = client_of(server, dialect)
        client.wait(client.submit(WebHook=f"{receiver.url}/{dialect}").json()["JobId"])
    client.audit_with("webhooks_sent", 1)
    time.sleep(0.3)
    assert [path.partition("?")[0] for _, path, _ in receiver.calls] == ["/query"]


def test_a_refused_call_is_repeated(client, receiver):
    receiver.statuses = [500]
    client.submit(WebHook=receiver.url)
    assert len(receiver.wait_for(2)) == 2


def test_webhook_beyond_loopback_is_not_called(client):
    client.wait(client.submit(WebHook="http://example.com/").json()["JobId"])
    audit = client.audit_with("webhooks_lost", 1)
    assert (audit["webhooks_sent"], audit["webhooks_lost"]) == (0, 1)


def test_lost_and_doubled(server, client, receiver):
    server.set_faults({"lost_webhook": 1})
    client.wait(client.submit(WebHook=receiver.url).json()["JobId"])
    client.audit_with("webhooks_lost", 1)
    assert receiver.calls == []
    server.set_faults({"doubled_webhook": 1})
    client.submit(WebHook=receiver.url)
    assert len(receiver.wait_for(2)) == 2
    audit = client.audit_with("webhooks_sent", 2)
    assert (audit["webhooks_sent"], audit["webhooks_lost"]) == (2, 1)
