import base64

import pytest

BASE64 = base64.b64encode(b"# Title").decode()


def titled(answer):
    assert answer.status_code == 200, answer.text
    return "Title" in base64.b64decode(answer.json()["Files"][0]["FileData"]).decode()


def post(client, **options):
    return client("POST", "/convert/md/to/html", **options)


def parameters(*entries):
    return {"json": {"Parameters": list(entries)}}


def test_every_way_to_send_a_file(client):
    file_id = client.upload(b"# Title")
    url = f"{client.url}/d/{file_id}"
    by_value = {"Name": "File", "FileValue": {"Name": "a.md", "Data": BASE64}}
    ways = [
        {"files": {"File": ("a.md", b"# Title")}},
        {"files": {"file": ("a.md", b"# Title")}},
        {"data": {"File": file_id}},
        {"data": {"File": url}},
        {"params": {"File": file_id}},
        {"params": {"Url": url}},
        {"files": {"File": (None, file_id)}},
        {
            "data": b"# Title",
            "headers": {"Content-Disposition": "attachment; filename=a.md"},
        },
        parameters(by_value),
        parameters({"Name": "File", "Value": file_id}),
        parameters({"Name": "File", "FileValue": {"Url": url}}),
        parameters({"Name": "File", "FileValue": {"Id": file_id}}),
        parameters({"Name": "File", "FileValues": [{"Name": "a.md", "Data": BASE64}]}),
        parameters(by_value, {"Name": "Timeout", "Value": 20}, {"Name": "FileName", "Value": None}),
    ]
    for way in ways:
        assert titled(post(client, **way)), way


def test_json_values_keep_their_order(client):
    files = [{"Name": f"{n}.txt", "Data": base64.b64encode(b"x").decode()} for n in (2, 1)]
    answer = client(
        "POST", "/convert/any/to/zip", **parameters({"Name": "Files", "FileValues": files})
    )
    content = base64.b64decode(answer.json()["Files"][0]["FileData"])
    assert content.index(b"2.txt") < content.index(b"1.txt")


def test_a_name_for_the_result(client):
    answer = client.convert("md", "html", FileName="отчёт 漢")
    assert answer.json()["Files"][0]["FileName"] == "отчёт 漢.html"


def test_a_single_result_may_come_bare(client):
    answer = post(
        client,
        files={"File": ("ж.md", b"# Title")},
        headers={"Accept": "application/octet-stream"},
    )
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%D0%B6.html"
    assert b"Title" in answer.content


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400, 4002),
        ({"json": []}, 400, 4002),
        ({"json": {"Parameters": [{"Name": "File"}]}}, 400, 4002),
        ({"json": {"Parameters": [{"Name": 1, "Value": 1}]}}, 400, 4002),
        ({"json": {"Parameters": [{"Name": "Timeout", "Value": {}}]}}, 400, 4002),
        (parameters({"Name": "File", "FileValue": {"Name": "a.md"}}), 400, 4005),
        (parameters({"Name": "File", "FileValue": {"Name": "a.md", "Data": "%"}}), 400, 4005),
        (parameters({"Name": "File", "FileValue": {"Data": BASE64}}), 400, 4001),
        (
            {"data": b"%ff=%ff", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
            400,
            4000,
        ),
        ({"data": b"x", "headers": {"Content-Disposition": "attachment"}}, 400, 4001),
        ({}, 400, 4000),
        ({"params": {"File": "a" * 32}}, 500, 5009),
        ({"params": {"File": "neither"}}, 500, 50010),
        ({"params": {"File": "http://example.com/a.md"}}, 500, 5008),
        ({"params": {"File": "http://127.0.0.1:1/a.md"}}, 500, 5008),
        ({"params": {"File": "file:///etc/passwd"}}, 500, 5008),
        ({"files": {"File": ("a.md", b"")}}, 500, 5002),
    ],
)
def test_refusals(client, options, status, code):
    answer = post(client, **options)
    assert (answer.status_code, answer.json()["Code"]) == (status, code), answer.text
    assert answer.json()["Message"]


def test_a_file_that_is_gone_here_is_not_fetched_from_ourselves(client):
    answer = post(client, params={"File": f"{client.url}/d/{'a' * 32}"})
    assert answer.json()["Code"] == 5008


def test_an_unknown_pair_names_what_there_is(client):
    answer = client("POST", "/convert/docx/to/mp3")
    assert (answer.status_code, answer.json()["Code"]) == (415, 415)
    assert "docx to mp3" in answer.json()["Message"]
    assert "pdf" in answer.json()["Message"]


def test_unknown_and_wrong_parameters_are_named(client):
    answer = client.convert("md", "pdf", PageRange="x", Color="red", Timeout="5")
    assert set(answer.json()["InvalidParameters"]) == {"PageRange", "Color", "Timeout"}
    assert client.audit()["paid"] == 0


def test_a_file_is_fetched_from_loopback(client, receiver):
    receiver.content = b"# Title"
    assert titled(post(client, params={"File": f"{receiver.url}/a.md"}))
    receiver.statuses = [404]
    assert post(client, params={"File": receiver.url}).json()["Code"] == 5008
    receiver.statuses = [302]
    assert post(client, params={"File": receiver.url}).json()["Code"] == 5008


CONTROL = {"Async": "true", "JobId": "3f0c9c9e-6b0e-4c43-9d39-3c1c6c7a1a11"}


@pytest.mark.parametrize("kind", ["form", "multipart", "json"])
def test_control_in_the_body_is_ignored_and_counted(client, receiver, kind):
    sent = {**CONTROL, "WebHook": receiver.url, "File": client.upload(b"# Title")}
    entries = [{"Name": name, "Value": value} for name, value in sent.items()]
    ways = {
        "form": {"data": sent},
        "multipart": {"files": {name: (None, value) for name, value in sent.items()}},
        "json": parameters(*entries),
    }
    assert titled(post(client, **ways[kind])), "the result, as if Async had not been sent"
    assert client.poll(CONTROL["JobId"]).status_code == 404
    assert receiver.calls == []
    audit = client.audit()
    assert (audit["misplaced_parameters"], audit["violations"]) == (3, 3)
    assert (audit["webhooks_sent"], audit["webhooks_lost"]) == (0, 0)


def test_control_in_the_form_is_read_on_request(sandbox, client_of, receiver):
    with sandbox(control_in_form=True) as server:
        client = client_of(server)
        sent = {**CONTROL, "WebHook": receiver.url, "File": client.upload(b"# Title")}
        assert post(client, data=sent).json() == {"JobId": CONTROL["JobId"]}
        assert len(receiver.wait_for(1)) == 1
        assert client.audit()["misplaced_parameters"] == 0
