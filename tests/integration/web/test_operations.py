from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from conveyor import Failure, FailureKind
from conveyor.domain.formats import ALIASES, FORMATS
from web.problems import Kind


def test_formats_are_those_of_the_library(site):
    told = site.get("/formats").json()["formats"]

    assert list(told) == sorted({*FORMATS, *ALIASES})
    assert {source: tuple(told[source]) for source in FORMATS} == FORMATS
    assert {alias: tuple(told[alias]) for alias in ALIASES} == {
        alias: FORMATS[name] for alias, name in ALIASES.items()
    }


def test_the_fleet_is_reported_at_a_glance(site, make, ledger, converted):
    make.queued()
    converted()
    ledger.failed(make.converting(), Failure(FailureKind.SERVICE, "Conversion failed.", 5001))
    told = site.get("/fleet").json()

    assert (told["states"]["queued"], told["states"]["succeeded"]) == (1, 1)
    assert len(told["throughput"]) == 30
    assert told["throughput"][-1] + told["throughput"][-2] == 1
    assert told["dead_letters"] == [{"kind": "service", "count": 1}]
    assert told["flower_url"] is None


def test_flower_is_pointed_at(serve):
    site = serve(web_flower_url="http://127.0.0.1:5555")

    assert site.get("/fleet").json()["flower_url"] == "http://127.0.0.1:5555"


def test_prometheus_reads_the_ledger(site, make, ledger, converted):
    converted()
    make.queued()
    ledger.failed(make.converting(), Failure(FailureKind.SERVICE, "Conversion failed.", 5001))
    answer = site.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    for line in (
        'conveyor_conversions{state="queued"} 1.0',
        'conveyor_outcomes_total{outcome="succeeded"} 1.0',
        'conveyor_outcomes_total{outcome="service"} 1.0',
        'conveyor_dead_letters{kind="service"} 1.0',
        "conveyor_polls_per_conversion_count 1.0",
        "conveyor_ready_to_stored_seconds_count 1.0",
    ):
        assert line in answer.text.splitlines()


def test_a_process_is_ready_while_all_it_stands_on_is_there(site):
    assert site.get("/readyz").json() == site.get("/healthz").json() == {"status": "ok"}
    assert site.ask("HEAD", "/healthz").status_code == 200


def test_it_is_not_ready_without_redis_and_says_so(serve):
    site = serve(redis_url="redis://127.0.0.1:9/0")
    answer = site.get("/readyz")

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems#unavailable")
    assert answer.json()["detail"] == "Not ready: can't use redis. Run `conveyor doctor`."
    assert site.get("/healthz").status_code == 200


def test_looks_at_the_storage_leave_nothing(site):
    site.get("/readyz")

    assert [path for path in site.folder.rglob("*") if path.is_file()] == []


class _Reader(HTMLParser):
    """Notes what a page loads or runs."""

    def __init__(self):
        super().__init__()
        self.ids, self.loads = set(), []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        if tag in ("script", "link", "img", "iframe"):
            self.loads.append(attrs)


@pytest.mark.parametrize("page", ["/", "/operate", "/docs", "/problems"])
def test_a_page_is_its_own_files_and_nothing_else(site, page):
    answer = site.get(page)
    reader = _Reader()
    reader.feed(answer.text)
    loads = [attrs.get("src") or attrs.get("href") for attrs in reader.loads]

    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert " style=" not in answer.text
    assert loads
    for path in loads:
        loaded = site.get(path if path.startswith("/") else f"/{path}")
        assert (loaded.status_code, loaded.headers["cache-control"]) == (200, "no-cache"), path
        tag = {"If-None-Match": loaded.headers["etag"]}
        assert (
            site.get(path if path.startswith("/") else f"/{path}", headers=tag).status_code == 304
        )


@pytest.mark.parametrize("path", ["/static/nothing.js", "/static/", "/static/../app.py", "/index"])
def test_nothing_else_is_there(site, path):
    answer = site.get(path)

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems#not-found")


@pytest.mark.parametrize("path", ["/", "/static/app.css", "/healthz"])
def test_read_only_endpoint_refuses_other_methods(site, path):
    answer = site.post(path)

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_every_problem_is_explained_where_its_type_points(site):
    reader = _Reader()
    reader.feed(site.get("/problems").text)

    assert {kind.slug for kind in Kind} <= reader.ids


def test_every_operation_is_described(site):
    document = site.get("/openapi.json").json()
    page = site.get("/docs").text

    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}" in page
            assert re.fullmatch("[a-z][A-Za-z]+", operation["operationId"])
            assert operation["tags"]
            assert operation["summary"]
