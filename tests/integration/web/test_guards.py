from __future__ import annotations

import time

import pytest

from conveyor import State

ORDER = {"source": "https://example.com/a.docx", "to": "pdf"}
NEEDS_KEY = ("/conversions", "/conversions/x", "/dead-letters", "/fleet", "/formats", "/metrics")
OPEN = ("/", "/operate", "/healthz", "/readyz", "/openapi.json", "/docs", "/problems")


def _type(answer):
    return answer.json()["type"].removeprefix("/problems#")


@pytest.fixture
def guarded(serve):
    return serve(has_key=True, web_requests_per_minute=0)


@pytest.mark.parametrize("shown", [None, "Bearer wrong", "Basic dGVzdHM6", "Bearer "])
def test_conversion_without_its_key_shows_nothing(guarded, shown):
    for path in NEEDS_KEY:
        answer = guarded.get(path, headers={"Authorization": shown})

        assert (answer.status_code, _type(answer)) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_with_its_key_everything_is_there(guarded):
    assert guarded.post("/conversions", json=ORDER).status_code == 202
    assert {guarded.get(path).status_code for path in NEEDS_KEY} == {200, 404}


def test_the_page_and_health_need_no_key(guarded):
    for path in OPEN:
        assert guarded.get(path, headers={"Authorization": None}).status_code in (200, 404), path


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_page_of_another_site_changes_nothing(site, make, method):
    entry = make.converting()
    path = "/conversions" if method == "POST" else f"/conversions/{entry.id}"
    headers = {"Origin": "https://evil.example"}
    answer = site.ask(method, path, json=ORDER, headers=headers)

    assert (answer.status_code, _type(answer)) == (403, "foreign-origin")
    assert [one.state for one in site.conveyor.list().conversions] == [State.CONVERTING]


def test_our_own_page_may(site):
    answer = site.post("/conversions", json=ORDER, headers={"Origin": site.url})

    assert answer.status_code == 202


def test_a_name_that_points_here_is_refused_where_there_are_no_keys(site, serve):
    rebound = {"Host": "rebound.example"}
    answer = site.get("/conversions", headers=rebound)

    assert (answer.status_code, _type(answer)) == (403, "foreign-origin")
    assert serve(has_key=True).get("/conversions", headers=rebound).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        (
            {
                "Sec-Fetch-Site": "cross-site",
                "Sec-Fetch-Mode": "navigate",
                "Sec-Fetch-Dest": "document",
            },
            200,
        ),
    ],
)
def test_without_keys_a_page_of_another_site_reads_nothing(site, headers, status):
    """It can't follow what it has asked for, and a link that somebody follows may."""
    assert site.get("/conversions", headers=headers).status_code == status


def test_the_log_names_the_key_of_every_request(guarded, caplog, logged_requests):
    caplog.set_level("INFO")
    key = guarded.session.headers["Authorization"]
    guarded.get("/formats")
    guarded.get("/healthz")
    guarded.get("/nothing")
    guarded.post("/conversions", json=ORDER, headers={"Origin": "https://evil.example"})
    guarded.get("/formats", headers={"Authorization": "Bearer wrong"})
    guarded.get("/formats", params={"secret": "in-the-query"}, headers={"Authorization": None})
    deadline = time.monotonic() + 30
    # A line is written after the answer is sent.
    while len(lines := logged_requests()) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)

    assert [(line["status"], line["key"]) for line in lines] == [
        (200, "tests"),
        (200, "tests"),
        (404, "tests"),
        (403, "tests"),
        (401, "-"),
        (401, "-"),
    ]
    told = repr(lines)
    assert key not in told
    assert "in-the-query" not in told


def test_too_many_requests_are_answered_with_a_retry_time(serve):
    site = serve(web_requests_per_minute=5)
    answers = [site.get("/formats") for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert _type(answers[-1]) == "too-many-requests"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert site.get("/healthz").status_code == 200
