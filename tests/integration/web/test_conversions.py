from __future__ import annotations

from threading import Thread

import pytest

from conveyor import LedgerUnavailable, State

ORDER = {"source": "https://example.com/a.docx", "to": "pdf"}

URL = "https://example.com/a.docx"


def _problem(answer):
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code
    return told["type"].removeprefix("/problems#"), told["detail"]


def test_a_conversion_is_accepted_and_can_be_looked_at(site):
    answer = site.post("/conversions", json={"source": URL, "to": "pdf", "params": {"A": 1}})
    told = answer.json()

    assert answer.status_code == 202
    assert answer.headers["location"] == f"/conversions/{told['id']}"
    assert (told["state"], told["from_format"], told["to_format"]) == ("queued", "docx", "pdf")
    assert told["created_at"].endswith("Z")
    assert (told["files"], told["failure"], told["finished_at"]) == ([], None, None)
    assert told["progress"]["fraction"] == 0.0
    looked = site.get(answer.headers["location"])
    assert looked.status_code == 200
    assert looked.json()["id"] == told["id"]


def test_several_sources_are_one_conversion(site):
    order = {"source": [URL, "https://example.com/b.docx"], "to": "merge"}

    assert site.post("/conversions", json=order).json()["to_format"] == "merge"


def test_a_used_key_is_the_same_conversion(site):
    order, key = {"source": URL, "to": "pdf"}, {"Idempotency-Key": "invoice-7"}
    first = site.post("/conversions", json=order, headers=key)
    second = site.post("/conversions", json=order, headers=key)
    other = site.post("/conversions", json={**order, "to": "png"}, headers=key)

    assert first.json()["id"] == second.json()["id"]
    assert _problem(other)[0] == "invalid-request"


def test_a_key_used_by_many_at_once_is_one_conversion(site):
    ids = set()

    def post():
        answer = site.post(
            "/conversions",
            json={"source": URL, "to": "pdf"},
            headers={"Idempotency-Key": "invoice-8"},
        )
        ids.add(answer.json()["id"])

    threads = [Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ids) == 1


@pytest.mark.parametrize(
    "source",
    [
        "/etc/passwd",
        "a.docx",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "local:///etc/passwd",
        "zip://a.docx::file:///etc/x.zip",
        "",
        "a\x00b",
        "http://[x",
        "https://user:hush@example.com/a.docx",
        r"https://a\@b/a.docx",
        r"C:\a.docx",
        "~/a.docx",
    ],
    ids=ascii,
)
def test_local_path_in_an_upload_is_refused(site, source):
    orders = (
        {"source": source, "to": "pdf"},
        {"source": [URL, source], "to": "pdf"},
        {"source": URL, "to": "pdf", "params": {"OverlayFile": source}},
    )
    for order in orders:
        answer = site.post("/conversions", json=order)

        assert (answer.status_code, _problem(answer)[0]) == (422, "invalid-request")
        assert "hush" not in answer.text
    assert site.staged() == []


def test_a_file_here_is_never_taken_for_a_file_id(site, tmp_path, monkeypatch):
    """A producer takes the file of that name; nobody on the network may have it read."""
    name = "0123456789abcdef0123456789abcdef"
    (tmp_path / name).write_text("of the server's own")
    monkeypatch.chdir(tmp_path)
    params = {"OverlayFile": name}

    order = {"source": name, "from_format": "docx", "to": "pdf"}
    assert site.post("/conversions", json=order).status_code == 422
    order = {"source": URL, "to": "pdf", "params": params}
    assert site.post("/conversions", json=order).status_code == 422
    assert site.staged() == []


def test_a_parameter_may_be_a_file_that_others_can_read(site, ledger):
    params = {"OverlayFile": "https://example.com/o.pdf", "CssFile": "s3://b/a.css", "A": 1}
    told = site.post("/conversions", json={"source": URL, "to": "pdf", "params": params}).json()

    request = ledger.get(told["id"]).request
    assert (list(request.files), request.params) == (["OverlayFile", "CssFile"], {"A": "1"})


@pytest.mark.parametrize("seconds", [0, 600, 600.0, None])
def test_a_conversion_may_say_how_long_to_wait(site, ledger, seconds):
    order = {"source": URL, "to": "pdf", "semi_async_seconds": seconds}
    told = site.post("/conversions", json=order).json()

    assert ledger.get(told["id"]).request.semi_async_seconds == seconds


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"source": "https://example.com/a.docx"}',
        b'{"source": "https://example.com/a.docx", "to": "pdf", "secret": 1}',
        b'{"source": "https://example.com/a.docx", "to": "pdf", "params": {"A": NaN}}',
        b'{"source": "https://example.com/a.docx", "to": "pdf", "params": {"Secret": "x"}}',
        b'{"source": "https://example.com/a", "to": "pdf"}',
        b'{"source": "https://example.com/a.docx", "to": "pdf", "semi_async_seconds": 1201}',
        b'{"source": "https://example.com/a.docx", "to": "pdf", "semi_async_seconds": -1}',
        b'{"source": "https://example.com/a.docx", "to": "pdf", "semi_async_seconds": true}',
        b'{"source": "https://example.com/a.docx", "to": "pdf", "semi_async_seconds": "5"}',
        b'{"source": "https://example.com/a.docx", "to": "pdf", "params": {"Timeout": 60.5}}',
        b'{"source": "https://example.com/a.docx", "to": "pdf", "params": {"A": "\\u0000"}}',
        b'{"source": "\\ud800", "to": "pdf"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
    ids=lambda body: body[-70:],
)
def test_an_order_that_is_wrong_is_refused(site, body):
    answer = site.post("/conversions", data=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, _problem(answer)[0]) == (422, "invalid-request")


def test_wrong_fields_are_named(site):
    told = site.post("/conversions", json={"source": URL, "to": 1, "more": "secret"}).json()

    assert [error["field"] for error in told["errors"]] == ["body.to", "body.more"]
    assert "secret" not in str(told)


def test_json_has_a_limit_of_its_own(site):
    answer = site.post("/conversions", json={"source": URL * 60_000, "to": "pdf"})

    assert (answer.status_code, _problem(answer)[0]) == (413, "too-large")


def test_conversions_are_listed_page_by_page(site, make):
    ids = [make.queued().id for _ in range(5)]
    found, page = [], "/conversions?limit=2"
    while page:
        told = site.get(page).json()
        found += [conversion["id"] for conversion in told["conversions"]]
        page = told["next"]

    assert found == ids[::-1]


def test_a_state_is_kept_from_page_to_page(site, make):
    converting = [make.converting().id for _ in range(3)]
    make.queued()
    first = site.get("/conversions?state=converting&limit=2").json()
    second = site.get(first["next"]).json()

    listed = [one["id"] for one in first["conversions"] + second["conversions"]]
    assert listed == converting[::-1]
    assert second["next"] is None


def test_named_conversions_come_in_their_order_without_the_unknown(site, make):
    first, second, _ = (make.queued().id for _ in range(3))
    answer = site.get(f"/conversions?ids={second},nothing,{first},{second}").json()

    assert [found["id"] for found in answer["conversions"]] == [second, first]
    assert answer["next"] is None


@pytest.mark.parametrize(
    "query",
    [
        "ids=",
        "ids=a,,b",
        f"ids={'a,' * 50}a",
        "state=lost",
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=%00",
        "cursor=x",
        "page=2",
    ],
)
def test_a_wrong_query_is_refused(site, query):
    assert site.get(f"/conversions?{query}").status_code == 422


def test_a_conversion_can_be_cancelled_and_stays_so(site, make):
    entry = make.converting()
    first = site.ask("DELETE", f"/conversions/{entry.id}")
    again = site.ask("DELETE", f"/conversions/{entry.id}")

    assert first.status_code == again.status_code == 200
    assert first.json()["state"] == again.json()["state"] == "cancelled"


def test_a_cancel_is_reported_though_redis_goes_away_after_it(site, make, monkeypatch):
    def gone(_):
        raise LedgerUnavailable("Redis can't be reached.")

    entry = make.converting()
    with monkeypatch.context() as blip:
        blip.setattr(site.conveyor, "status", gone)
        answer = site.ask("DELETE", f"/conversions/{entry.id}")

    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert answer.json()["created_at"] == site.get(f"/conversions/{entry.id}").json()["created_at"]


def test_result_before_the_cancel_stays(site, converted):
    answer = site.ask("DELETE", f"/conversions/{converted()}")

    assert answer.json()["state"] == "succeeded"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("wrong", ["nothing", "%00", "%FF%FE", "x" * 5000, "a%2Fb", "%0d%0a"])
def test_an_unknown_conversion_is_not_found(site, method, wrong):
    answer = site.ask(method, f"/conversions/{wrong}")

    assert (answer.status_code, _problem(answer)[0]) == (404, "not-found")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/conversions", "GET, POST"),
        ("/conversions/x", "GET, DELETE"),
        ("/conversions/x/files/y", "GET, HEAD"),
        ("/fleet", "GET"),
    ],
)
def test_wrong_method_is_answered_with_the_allowed_ones(site, path, allowed):
    answer = site.ask("PUT", path)

    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert _problem(answer)[0] == "method-not-allowed"


def test_redis_being_away_is_reported_and_nothing_is_accepted(serve):
    site = serve(redis_url="redis://127.0.0.1:9/0")
    answer = site.post("/conversions", json={"source": URL, "to": "pdf"})

    assert (answer.status_code, _problem(answer)[0]) == (503, "unavailable")
    assert "Nothing was accepted" in answer.text
    assert "127.0.0.1:9" not in answer.text
    assert "accepted" not in site.get("/conversions").text


def test_a_state_is_one_of_the_librarys(site):
    schema = site.get("/openapi.json").json()["components"]["schemas"]["State"]

    assert schema["enum"] == [state.value for state in State]


def test_twenty_errors_are_reported_and_no_more(site):
    order = {**ORDER, "params": {f"a b {number}": [] for number in range(90)}}
    told = site.post("/conversions", json=order).json()

    assert len(told["errors"]) == 20
    assert told["detail"].count(";") == 2


@pytest.mark.parametrize("count", [199, 200, 201, 1000])
def test_parameters_are_bounded_in_number(site, count):
    order = {**ORDER, "params": {f"A{number}": number for number in range(count)}}

    assert site.post("/conversions", json=order).status_code == (202 if count <= 200 else 422)


def test_a_request_may_hold_as_much_as_a_conversion_takes(site):
    sources = [f"https://example.com/{number}[,{{.docx" for number in range(100)]
    params = {f"A{number}": '[",{"]' for number in range(200)}
    order = {"source": sources, "to": "merge", "from_format": "docx", "params": params}

    assert site.post("/conversions", json=order).status_code == 202
