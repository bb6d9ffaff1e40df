"""Every family of faults at every address: what the client meets, and what the sandbox did."""

import json
import socket
import threading
import time
import uuid
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest
import requests

from convertapi_sandbox.addresses import AFTER_SUBMIT, Address
from convertapi_sandbox.faults import FAULTS
from convertapi_sandbox.mishaps import MISHAPS
from convertapi_sandbox.slowness import DRIBBLES

SILENCES = ("closed", "silent")
SPOKEN = [row for row in MISHAPS if row.name not in SILENCES]


class Target:
    """One request to an address, and a look at whether it did what it asked for."""

    def __init__(self, client, place):
        self.client = client
        self.place = place
        self.own_id = str(uuid.uuid4())
        self.file_id = client.upload(b"# Title")
        self.path = {
            "upload": "/upload",
            "download": f"/d/{self.file_id}",
            "delete": f"/d/{self.file_id}",
            "user": "/user",
        }.get(place, "/convert/md/to/html")
        if place == "poll":
            self.path = f"/job/{client.submit().json()['JobId']}"

    def __call__(self, **options):
        options = {"allow_redirects": False, **options}
        if self.place in {"submit", AFTER_SUBMIT}:
            query = {"Async": "true", "JobId": self.own_id}
            sent = {"params": query, "data": {"File": self.file_id}}
            return self.client("POST", self.path, **sent, **options)
        if self.place == "upload":
            header = {"Content-Disposition": "attachment; filename=a.md"}
            return self.client("POST", self.path, data=b"# Title", headers=header, **options)
        method = "DELETE" if self.place == "delete" else "GET"
        return self.client(method, self.path, **options)

    def done(self):
        """What the sandbox counts where the request was served; of a poll, nothing."""
        counter = {
            "submit": "paid",
            AFTER_SUBMIT: "paid",
            "upload": "uploads",
            "download": "downloads",
            "delete": "deleted_files",
        }.get(self.place)
        return self.client.audit()[counter] if counter else 0


@pytest.fixture
def target_of(server, client):
    def make(place):
        return Target(client, place)

    return make


def cases(rows):
    return [
        pytest.param(row, place, id=f"{row.name}_{place}") for row in rows for place in row.places
    ]


def each_once(rows):
    """Each row at one of its addresses, and each address with some of the rows."""
    return [
        pytest.param(row, place, id=f"{row.name}_{place}")
        for number, row in enumerate(rows)
        for place in [row.places[number % len(row.places)]]
    ]


def test_every_address_has_a_mishap():
    places = {place for row in SPOKEN for place in row.places}
    assert {param.values[1] for param in each_once(SPOKEN)} == places


@pytest.mark.parametrize(("row", "place"), each_once(SPOKEN))
def test_a_mishap_takes_the_place_of_the_answer(server, target_of, row, place):
    target = target_of(place)
    before = target.done()
    server.set_faults({f"{row.name}_{place}": 1})
    answer = target()
    assert answer.status_code == expected_status(row.name)
    assert target.done() - before == (1 if place == AFTER_SUBMIT else 0)
    server.set_faults({})
    assert server.audit()["faults"] == {f"{row.name}_{place}": 1}
    assert server.audit()["violations"] == 0


def expected_status(name):
    if name.startswith("throttle"):
        return 503
    if name.startswith("portal") or name in {"null_json", "cut_json", "deep_json", "empty_body"}:
        return 200
    if name in {"leaky_refusal", "misrouted", "unfinished"}:
        return {"leaky_refusal": 400, "misrouted": 404, "unfinished": 202}[name]
    number = name.rpartition("_")[2]
    return int(number) if number.isdigit() else 500


@pytest.mark.parametrize("address", Address)
def test_a_throttle_is_the_documented_json(server, target_of, address):
    target = target_of(address.value)
    server.set_faults({f"throttle_{address.value}": 1})
    answer = target()
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["Code"] == 503
    assert answer.json()["Message"].startswith("The service is overloaded.")
    assert "Retry-After" not in answer.headers
    assert server.audit()["throttled"] == 1


def test_a_throttled_delete_of_a_job_forgets_nothing(server, client):
    job_id = client.submit().json()["JobId"]
    server.set_faults({"throttle_delete": 1})
    assert client("DELETE", f"/job/{job_id}").status_code == 503
    assert client.wait(job_id).status_code == 200


@pytest.mark.parametrize("status", [408, 409, 423, 425, 429, 503])
def test_retry_after_comes_in_both_forms_or_not_at_all(server, target_of, status):
    target = target_of("poll")
    headers = {}
    for kind in ("status", "retry_after", "retry_date"):
        server.set_faults({f"{kind}_{status}_user": 1})
        headers[kind] = target.client("GET", "/user").headers
    assert "Retry-After" not in headers["status"]
    assert headers["retry_after"]["Retry-After"] == "7"
    dates = headers["retry_date"]
    wait = parsedate_to_datetime(dates["Retry-After"]) - parsedate_to_datetime(dates["Date"])
    assert 7 <= wait.total_seconds() <= 10, "the server's Date may be a second old"


def test_retry_after_is_what_was_ordered(sandbox, client_of):
    with sandbox(retry_after_s=3, faults={"throttle_retry_after_upload": 1}) as server:
        answer = client_of(server)("POST", "/upload", data=b"x")
        assert (answer.headers["Retry-After"], answer.json()["Code"]) == ("3", 503)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_bare_refusal_has_no_body(server, client, status):
    server.set_faults({f"bare_{status}_submit": 1})
    assert client("POST", "/convert/md/to/html").content == b""


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_coded_refusal_is_the_services_own(server, client, status):
    server.set_faults({f"refused_{status}_submit": 1})
    answer = client("POST", "/convert/md/to/html")
    assert (answer.status_code, answer.json()["Code"]) == (status, 4015)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_message_comes_without_code(server, client, status):
    server.set_faults({f"message_only_{status}_upload": 1})
    assert list(client("POST", "/upload", data=b"x").json()) == ["Message"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("html", "text/html"),
        ("xhtml", "application/xhtml+xml"),
        ("text", "text/plain"),
        ("text_json", "text/json"),
        ("json", "application/json"),
        ("octets", "application/octet-stream"),
    ],
)
def test_a_portal_says_its_type_and_nothing_of_ours(server, client, name, kind):
    server.set_faults({f"portal_{name}_user": 1})
    answer = client("GET", "/user")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
    assert "Sign in" in answer.text or "denied" in answer.text
    with pytest.raises(ValueError, match=r"."):
        answer.json()


@pytest.mark.parametrize(
    ("name", "body"),
    [("null_json", "null"), ("cut_json", '{"JobId": "0'), ("empty_body", "")],
)
def test_junk_in_json(server, client, name, body):
    server.set_faults({f"{name}_user": 1})
    answer = client("GET", "/user")
    assert (answer.text, answer.headers["Content-Type"]) == (body, "application/json")


def test_json_may_be_deeper_than_parsers_go(server, client):
    server.set_faults({"deep_json_user": 1})
    with pytest.raises(RecursionError):
        json.loads(client("GET", "/user").text)


@pytest.mark.parametrize("fault", ["leaky_error", "leaky_refusal"])
@pytest.mark.parametrize("place", ["submit", "poll"])
def test_a_leaky_error_names_what_must_not_be_told(server, target_of, fault, place):
    target = target_of(place)
    server.set_faults({f"{fault}_{place}": 1})
    answer = target()
    job_id = target.own_id if place == "submit" else target.path.rpartition("/")[2]
    assert all(word in answer.text for word in (server.secret, "http://", job_id))
    assert isinstance(answer.json()["Code"], int)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("surrogate_error", "\ud83d"),
        ("huge_error", "Too much. " * 10_240),
        ("bad_url_error", '"http://[x"'),
    ],
)
def test_error_texts_that_break_clients(server, target_of, name, word):
    target = target_of("poll")
    server.set_faults({f"{name}_poll": 1})
    answer = target()
    assert (answer.status_code, answer.json()["Code"]) == (500, 5001)
    assert word in answer.json()["Message"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_to_another_port_which_counts_credentials(server, client, status):
    server.set_faults({f"redirect_{status}_upload": 1})
    location = client("POST", "/upload", data=b"x", allow_redirects=False).headers["Location"]
    assert urlsplit(location).port != urlsplit(server.url).port
    assert requests.get(location, timeout=30).text.startswith("<html>")
    audit = server.audit()
    assert (audit["requests_astray"], audit["credentials_astray"]) == (1, 0)
    client.session.post(location, timeout=30)
    requests.post(f"{location}?Secret=x", timeout=30)
    audit = server.audit()
    assert (audit["requests_astray"], audit["credentials_astray"]) == (3, 2)
    assert (audit["violations"], audit["requests"]) == (2, 1)


def test_a_redirected_download_may_be_followed(server, client):
    url = f"{client.url}/d/{client.upload(b'content')}"
    server.set_faults({"redirect_302_download": 1})
    location = requests.get(url, allow_redirects=False, timeout=30).headers["Location"]
    server.set_faults({})
    assert requests.get(location, timeout=30).content == b"content"


@pytest.mark.parametrize("place", [*(address.value for address in Address), AFTER_SUBMIT])
def test_a_closed_connection_is_no_answer(server, target_of, place):
    target = target_of(place)
    before = target.done()
    server.set_faults({f"closed_{place}": 1})
    with pytest.raises(requests.ConnectionError):
        target()
    server.set_faults({})
    assert target.done() - before == (1 if place == AFTER_SUBMIT else 0)


@pytest.mark.parametrize("place", [*(address.value for address in Address), AFTER_SUBMIT])
def test_silence_lasts_until_the_client_goes(server, target_of, place):
    target = target_of(place)
    before = target.done()
    server.set_faults({f"silent_{place}": 1})
    with pytest.raises(requests.ReadTimeout):
        target.client.session.request(
            "GET" if place not in {"submit", AFTER_SUBMIT, "upload", "delete"} else method(place),
            target.client.url + target.path,
            params={"File": target.file_id, "Async": "true"} if "submit" in place else None,
            timeout=0.3,
        )
    server.set_faults({})
    assert target.done() - before == (1 if place == AFTER_SUBMIT else 0)


def method(place):
    return "DELETE" if place == "delete" else "POST"


def test_a_poll_out_of_turn_is_counted_whatever_the_road_does(server, client):
    job_id = client.submit().json()["JobId"]
    server.set_faults({"status_429_poll": 1})
    assert client.poll(job_id).status_code == 429
    assert client.poll(job_id).status_code == 503
    assert client.audit()["early_polls"] == 1


def test_a_delete_that_fails_deletes_nothing(server, client):
    file_id = client.upload(b"x")
    job_id = client.submit().json()["JobId"]
    server.set_faults({"failed_delete": 1})
    for path in (f"/d/{file_id}", f"/job/{job_id}"):
        answer = client("DELETE", path)
        assert (answer.status_code, answer.json()["Code"]) == (500, 5001)
    server.set_faults({})
    assert client("DELETE", f"/d/{file_id}").status_code == 200


@pytest.mark.parametrize(("row", "place"), cases(DRIBBLES))
def test_a_dribble_brings_the_true_answer_in_the_end(server, target_of, row, place):
    target = target_of(place)
    if place == "poll":
        target.client.audit_with("jobs_by_outcome", {"succeeded": 1, "in_progress": 0})
    true = target()
    target = target_of(place)
    if place == "poll":
        target.client.audit_with("jobs_by_outcome", {"succeeded": 2, "in_progress": 0})
    server.set_faults({f"{row.name}_{place}": 1})
    answer = target()
    assert answer.status_code == true.status_code
    assert len(answer.content.strip()) == len(true.content)


@pytest.mark.parametrize("row", DRIBBLES, ids=lambda row: row.name)
def test_a_dribble_comes_piece_by_piece(sandbox, row):
    with sandbox(faults={f"{row.name}_user": 1}, slow_s=0.5) as server:
        parts = urlsplit(server.url)
        with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
            connection.sendall(
                b"GET /user HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sandbox\r\n"
                b"Connection: close\r\n\r\n"
            )
            pieces = list(iter(lambda: connection.recv(1 << 16), b""))
    whole = b"".join(pieces)
    assert len(pieces) > 10
    assert b'"Active": true' in whole
    signs = {
        "slow_head": b"connection: close\r\n\r\n{",
        "endless_continue": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
        "slow_body": b"}",
        "slow_chunk": b";note=slowslow",
        "slow_trailers": b"0\r\nX-Checksum: 0123456789abcdef\r\n",
    }
    assert signs[row.name] in whole


def test_a_client_that_hangs_up_ends_a_dribbled_poll(sandbox, client_of):
    with sandbox(slow_s=120) as server:
        client = client_of(server)
        job_id = client.submit().json()["JobId"]
        client.wait(job_id)
        for fault in ("slow_head", "slow_trailers", "endless_continue", "silent"):
            time.sleep(0.3)
            server.set_faults({f"{fault}_poll": 1})
            with pytest.raises(requests.RequestException):
                client.session.get(f"{client.url}/job/{job_id}", timeout=0.01).content  # noqa: B018
            server.set_faults({})
            wait_until(lambda: client.poll(job_id).status_code == 200)


def wait_until(is_so):
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.25)


def test_names_that_are_not_there_are_not_offered():
    assert "throttle_after_submit" not in FAULTS
    assert "failed_poll" not in FAULTS
    assert {"status_429_submit", "message_only_502_after_submit", "silent_delete"} <= set(FAULTS)


def test_an_upload_is_read_before_it_is_refused(server, client):
    server.set_faults({"status_429_upload": 1})
    header = {"Content-Disposition": "attachment; filename=a.md"}
    answer = client("POST", "/upload", data=bytes(8 << 20), headers=header)
    assert answer.status_code == 429


def test_an_upload_that_is_not_read_blocks_its_client(sandbox, client_of):
    with sandbox(slow_s=60, faults={"stalled_upload": 1}) as server:
        client = client_of(server)
        header = {"Content-Disposition": "attachment; filename=a.md"}
        with pytest.raises(requests.RequestException):
            client.session.post(
                f"{client.url}/upload", data=bytes(64 << 20), headers=header, timeout=0.3
            )
        assert client.audit()["uploads"] == 0


def test_mishaps_strike_side_by_side(server, client):
    server.set_faults({"status_429_user": 1})
    statuses = []
    threads = [
        threading.Thread(target=lambda: statuses.append(client("GET", "/user").status_code))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [429] * 8
