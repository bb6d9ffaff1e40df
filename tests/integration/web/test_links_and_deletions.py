"""A customer's link to a file, and the deletion that ends it."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from conveyor import Conveyor, FileGone, InvalidRequest
from conveyor.ledger.keys import Keys
from conveyor.links import address_of

KEYS = Keys()
KEY = "key-of-the-links"


@pytest.fixture
def linking(serve, redis_url, folder):
    """A web process that asks for keys and serves links, and a producer that makes them."""
    site = serve(has_key=True, link_key=KEY)
    producer = Conveyor(
        broker_url=redis_url, storage_url=folder.as_uri(), link_url=site.url, link_key=KEY
    )
    yield site, producer
    producer.close()


@pytest.fixture
def fetch():
    """Fetch as somebody who has nothing but a link."""
    return lambda url, **options: requests.get(url, timeout=60, **options)


def test_link_opens_the_file_without_an_api_key(linking, converted, fetch):
    _, producer = linking
    conversion_id = converted(content=b"words")
    answer = fetch(producer.link(conversion_id, expires="1h"))

    assert (answer.status_code, answer.content) == (200, b"words")
    assert answer.headers["content-disposition"] == 'attachment; filename="a.pdf"'
    part = fetch(producer.link(conversion_id, "a.pdf"), headers={"Range": "bytes=1-2"})
    assert (part.status_code, part.content) == (206, b"or")


def test_link_is_not_in_the_log(linking, converted, fetch, caplog, logged_requests):
    _, producer = linking
    link = producer.link(converted(content=b"words"))
    with caplog.at_level("DEBUG"):
        fetch(link)
        # The line comes after the answer.
        deadline = time.monotonic() + 60
        while not (said := logged_requests()):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    signature = parse_qs(urlsplit(link).query)["signature"][0]
    assert [fields["route"] for fields in said] == ["/links/{conversion_id:path}/{name}"]
    ours = [vars(each) for each in caplog.records if each.name.startswith("conveyor")]
    assert signature not in repr(ours)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("expires=", "expires=1"),
        ("signature=", "signature=x"),
        ("a.pdf", "b.pdf"),
        ("/links/", "/links/other-"),
    ],
)
def test_changed_link_is_refused_without_a_look_into_redis(
    *, linking, converted, fetch, old, new, monkeypatch
):
    site, producer = linking
    link = producer.link(converted(content=b"words")).replace(old, new, 1)
    monkeypatch.setattr(site.conveyor.ledger, "get", None)

    assert fetch(link).status_code == 404


@pytest.mark.parametrize("query", ["", "?expires=5", "?expires=x&signature=y", "?expires=-1"])
def test_incomplete_link_is_refused(*, linking, fetch, query):
    site, _ = linking

    assert fetch(f"{site.url}/links/c1/a.pdf{query}").status_code == 422


def test_link_of_another_key_is_refused(linking, converted, fetch):
    site, _ = linking
    conversion_id, ends = converted(content=b"words"), int(time.time()) + 60

    for key, status in ((KEY, 200), ("another-key-of-links", 404), ("", 404)):
        link = address_of(site.url, key, conversion_id, "a.pdf", ends)
        assert fetch(link).status_code == status


def test_web_process_without_a_key_opens_no_link(serve, converted, fetch):
    site = serve()
    link = address_of(site.url, "", converted(content=b"words"), "a.pdf", int(time.time()) + 60)

    assert fetch(link).status_code == 404


@pytest.mark.parametrize(("ahead_s", "status"), [(-1, 410), (0, 410), (60, 200)])
def test_link_ends_by_redis_clock(*, linking, converted, fetch, client, ahead_s, status):
    site, _ = linking
    ends = client.time()[0] + ahead_s
    link = address_of(site.url, KEY, converted(content=b"words"), "a.pdf", ends)
    answer = fetch(link)

    assert answer.status_code == status
    if status == 410:
        assert answer.json()["detail"] == "This link has expired. Ask for a new one."


def test_deleted_conversion_ends_its_links_and_is_gone(linking, converted, fetch):
    site, producer = linking
    conversion_id = converted(content=b"words")
    link = producer.link(conversion_id)
    answer = site.ask("DELETE", f"/conversions/{conversion_id}?erase=true")
    again = site.ask("DELETE", f"/conversions/{conversion_id}?erase=true")

    assert answer.status_code == again.status_code == 200
    assert answer.json() == again.json()
    assert answer.json() | {"deleted_at": ""} == {
        "id": conversion_id,
        "state": "deleted",
        "deleted_at": "",
        "erased_at": None,
    }
    for path in ("", "/files/a.pdf", "/events"):
        gone = site.get(f"/conversions/{conversion_id}{path}")
        assert (gone.status_code, gone.json()["type"]) == (410, "/problems#gone")
    assert site.ask("DELETE", f"/conversions/{conversion_id}").status_code == 410
    assert fetch(link).status_code == 410
    assert site.get("/conversions").json()["conversions"] == []


def test_delete_without_erase_still_cancels(linking):
    site, _ = linking
    order = {"source": "https://example.com/a.docx", "to": "pdf"}
    conversion_id = site.post("/conversions", json=order).json()["id"]

    assert site.ask("DELETE", f"/conversions/{conversion_id}").json()["state"] == "cancelled"
    wrong = site.ask("DELETE", f"/conversions/{conversion_id}?erased=true")
    assert wrong.status_code == 422
    assert site.get(f"/conversions/{conversion_id}").json()["state"] == "cancelled"


def test_unknown_conversion_is_not_deleted(linking):
    site, _ = linking

    assert site.ask("DELETE", "/conversions/x?erase=true").status_code == 404


def test_file_whose_life_is_over_says_when_it_was_removed(linking, converted, fetch, client):
    site, producer = linking
    conversion_id = converted(content=b"words")
    link = producer.link(conversion_id)
    client.hset(KEYS.conversion(conversion_id), "files_removed_at", "1795718916.5")
    (file,) = site.get(f"/conversions/{conversion_id}").json()["files"]

    assert file["removed_at"] == "2026-11-26T18:48:36.500Z"
    assert site.get(file["href"]).status_code == 404
    assert fetch(link).status_code == 404
    with pytest.raises(FileGone, match="its life was over"):
        producer.link(conversion_id)


def test_link_needs_a_file_that_is_there(linking, converted):
    _, producer = linking
    conversion_id = converted(content=b"words")
    with pytest.raises(InvalidRequest, match=r"Name one of the conversion's files: 'a\.pdf'"):
        producer.link(conversion_id, "b.pdf")
    running = producer.convert("https://example.com/a.docx", to="pdf")
    with pytest.raises(InvalidRequest, match="is queued, so there is no file"):
        producer.link(running.id)


@pytest.mark.parametrize("expires", [0, "8d", "soon", -5])
def test_link_for_a_senseless_time_is_refused(*, linking, expires):
    _, producer = linking
    with pytest.raises(InvalidRequest):
        producer.link("any", expires=expires)


@pytest.mark.parametrize("form", ["json", "form", "document"])
def test_order_says_how_long_files_live_in_each_form(*, site, form):
    ways = {
        "json": {"json": {"source": "https://example.com/a.docx", "to": "pdf", "keep": "7d"}},
        "form": {"data": {"to": "pdf", "keep": "7d"}, "files": {"file": ("a.docx", b"x")}},
        "document": {"params": {"to": "pdf", "name": "a.docx", "keep": "7d"}, "data": b"x"},
    }
    answer = site.post("/conversions", **ways[form])

    assert answer.status_code == 202, answer.text
    assert site.conveyor.ledger.get(answer.json()["id"]).terms.keep_s == 7 * 86400


@pytest.mark.parametrize("keep", ["soon", "-7d", "5s", "99999w", "", 7])
def test_order_with_a_senseless_life_is_refused(*, site, keep):
    order = {"source": "https://example.com/a.docx", "to": "pdf", "keep": keep}

    assert site.post("/conversions", json=order).status_code == 422
