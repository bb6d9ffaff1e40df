"""Results in odd forms, as the answer to a submit and to a poll."""

import base64
import json
import re

import pytest
import requests

from convertapi_sandbox.odd_results import ODD_RESULTS

CONTENT = b"# Title"
NOT_JSON = {"odd_raw", "odd_raw_unnamed", "odd_raw_typed", "odd_raw_as_json", "odd_cut"}
NOT_JSON |= {"odd_raw_odd_disposition"}


def answered(client, server, fault, place):
    """The answer struck by a fault, at a submit or at the poll of a finished job."""
    if place == "submit":
        file_id = client.upload(CONTENT)
        server.set_faults({f"{fault}_submit": 1})
        path = client.start.format("md", "html")
        params = {**client.asynchronous, "StoreFile": "true", "File": file_id}
        return client("POST", path, params=params)
    job_id = client.submit(content=CONTENT).json()["JobId"]
    client.audit_with("jobs_by_outcome", {"succeeded": 1, "in_progress": 0})
    server.set_faults({f"{fault}_poll": 1})
    return client.poll(job_id)


@pytest.mark.parametrize("place", ["submit", "poll"])
@pytest.mark.parametrize("row", ODD_RESULTS, ids=lambda row: row.name)
def test_an_odd_result_is_a_200_that_was_paid(server, client, row, place):
    answer = answered(client, server, row.name, place)
    assert answer.status_code == 200
    audit = client.audit()
    assert (audit["paid"], audit["faults"]) == (1, {f"{row.name}_{place}": 1})
    if row.name not in NOT_JSON:
        assert isinstance(json.loads(answer.text), dict)


def file_of(client, server, fault, place="submit"):
    return answered(client, server, fault, place).json()["Files"][0]


@pytest.mark.parametrize("place", ["submit", "poll"])
@pytest.mark.parametrize(
    ("form", "files"),
    [("files_empty", []), ("files_null", None), ("file_null", [None]), ("files_text", "a.pdf")],
)
def test_files_that_are_none(server, client, form, files, place):
    body = answered(client, server, f"odd_{form}", place).json()
    assert body == {"ConversionCost": 1, "Files": files}


def test_no_files_at_all(server, client):
    assert answered(client, server, "odd_files_missing", "submit").json() == {"ConversionCost": 1}


def test_a_file_without_url_and_data(server, client):
    assert set(file_of(client, server, "odd_file_bare")) == {
        "FileName",
        "FileExt",
        "FileSize",
        "FileId",
    }


def test_a_good_file_beside_one_without_url(server, client):
    good, bare = answered(client, server, "odd_file_bare_beside_good", "poll").json()["Files"]
    assert good["Url"]
    assert "Url" not in bare


@pytest.mark.parametrize("form", ["plain", "urlsafe", "unpadded", "newlines", "uri"])
def test_base64_in_its_forms(server, client, form):
    file = file_of(client, server, f"odd_data_{form}")
    text = file["FileData"].rpartition(",")[2].translate(str.maketrans("-_", "+/"))
    decoded = base64.b64decode(re.sub(r"\s", "", text) + "==")
    assert b"Title" in decoded
    assert len(decoded) == file["FileSize"]
    assert "Url" not in file


@pytest.mark.parametrize(
    ("form", "of"),
    [("text", str), ("wrong", lambda size: size + 1000), ("negative", lambda _: -1)],
)
def test_sizes_that_are_not(server, client, form, of):
    file = file_of(client, server, f"odd_size_{form}")
    content = requests.get(file["Url"], timeout=30).content
    assert file["FileSize"] == of(len(content))


@pytest.mark.parametrize(
    ("form", "cost"),
    [
        ("huge", 10**19),
        ("float", 1e19),
        ("infinite", float("inf")),
        ("negative", -1),
        ("text", "1"),
    ],
)
def test_costs_that_are_not(server, client, form, cost):
    assert answered(client, server, f"odd_cost_{form}", "poll").json()["ConversionCost"] == cost


def test_older_and_newer_fields(server, client):
    body = answered(client, server, "odd_conversion_time", "submit").json()
    assert set(body) == {"ConversionTime", "Files"}
    server.set_faults({})
    body = answered(client, server, "odd_extra_fields", "submit").json()
    assert set(body) == {"ConversionCost", "Files", "Extra", "Billing"}


OCTETS = "application/octet-stream"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("raw", (OCTETS, "attachment; filename*=UTF-8''source.html")),
        ("raw_unnamed", (OCTETS, None)),
        ("raw_typed", ("text/html", None)),
        ("raw_as_json", ("application/json", None)),
        ("raw_odd_disposition", (OCTETS, "attachment; filename*;filename*1")),
    ],
)
@pytest.mark.parametrize("place", ["submit", "poll"])
def test_bytes_in_place_of_json(server, client, form, expected, place):
    answer = answered(client, server, f"odd_{form}", place)
    assert b"Title" in answer.content
    headers = answer.headers
    assert (headers["Content-Type"], headers.get("Content-Disposition")) == expected


def test_a_result_cut_in_half_still_speaks_of_its_cost(server, client):
    answer = answered(client, server, "odd_cut", "submit")
    assert '"ConversionCost": 1' in answer.text
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)


def test_a_file_elsewhere_can_be_fetched_and_its_deletion_with_a_credential_is_seen(server, client):
    url = file_of(client, server, "odd_url_elsewhere")["Url"]
    assert not url.startswith(f"{client.url}/")
    assert b"Title" in requests.get(url, timeout=30).content
    assert client.audit()["credentials_astray"] == 0
    client.session.delete(url, timeout=30)
    assert client.audit()["credentials_astray"] == 1
    assert client.audit()["deletes"] == 0


def test_a_failure_is_told_as_it_is(server, client):
    file_id = client.upload(CONTENT)
    server.set_faults({"odd_files_empty_submit": 1, "error_5001": 1})
    answer = client("POST", "/convert/md/to/html", params={"Async": "true", "File": file_id})
    assert (answer.status_code, answer.json()["Code"]) == (500, 5001)


@pytest.mark.parametrize("dialect", ["query", "path"])
def test_a_conversion_may_make_no_files(server, client_of, dialect):
    client = client_of(server, dialect)
    server.set_faults({"no_files": 1})
    nothing = {"ConversionCost": 1, "Files": []}
    assert client.wait(client.submit().json()["JobId"]).json() == nothing
    assert client.convert("md", "html").json() == nothing
    for fault in ("raw_result", "odd_raw_poll", "odd_data_plain_poll", "odd_url_elsewhere_poll"):
        job_id = client.submit().json()["JobId"]
        while client.audit()["jobs_by_outcome"]["in_progress"]:
            pass
        server.set_faults({fault: 1})
        assert client.wait(job_id).status_code == 200
        server.set_faults({"no_files": 1})
