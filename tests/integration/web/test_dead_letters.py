from __future__ import annotations

import pytest

from conveyor import Failure, FailureKind, LedgerUnavailable, Reason

DAMAGED = Failure(FailureKind.INPUT, "File is damaged.", 5002, 500, reason=Reason.DAMAGED)
UNSTORED = Failure(FailureKind.STORAGE, "The disk is full.", reason=Reason.STORAGE)


@pytest.fixture
def dead(make, ledger):
    def end(failure=DAMAGED, *, is_paid_result=False):
        entry = make.ready() if is_paid_result else make.converting(confirmed=True)
        return ledger.failed(entry, failure).id

    return end


def test_a_dead_letter_is_a_conversion_that_says_what_a_replay_costs(site, dead):
    paid, free = dead(), dead(UNSTORED, is_paid_result=True)
    told = site.get(f"/dead-letters/{paid}").json()

    assert told["failure"] == {
        "kind": "input",
        "reason": "damaged",
        "remedies": ["send_another_file"],
        "sentence": DAMAGED.sentence(),
        "advice": DAMAGED.advice(),
        "language": "en",
        "code": 5002,
        "status": 500,
        "message": "File is damaged.",
    }
    assert (told["id"], told["state"], told["replay_is_paid"]) == (paid, "failed", True)
    assert site.get(f"/dead-letters/{free}").json()["replay_is_paid"] is False


@pytest.mark.parametrize(
    ("wanted", "language"),
    [(None, "en"), ("de-AT, en;q=0.5", "de"), ("fr", "en"), ("fr, de;q=0.1", "de"), ("é", "en")],
)
@pytest.mark.parametrize(
    "path", ["/dead-letters/{}", "/dead-letters", "/conversions/{}", "/conversions"]
)
def test_a_failure_is_told_in_the_language_of_the_browser(site, dead, path, wanted, language):
    conversion_id = dead()
    headers = {"Accept-Language": wanted and wanted.encode()}
    answer = site.get(path.format(conversion_id), headers=headers)
    told = answer.json()
    (one,) = told.get("dead_letters") or told.get("conversions") or [told]

    assert one["failure"]["sentence"] == DAMAGED.sentence(language)
    assert one["failure"]["advice"] == DAMAGED.advice(language)
    assert one["failure"]["language"] == language
    # The operator's words stay as they are.
    assert one["failure"]["message"] == "File is damaged."
    assert answer.headers["content-language"] == language
    assert answer.headers["vary"] == "Accept-Language"


def test_a_replay_and_a_cancel_name_their_language_and_a_problem_is_english(site, dead, make):
    german = {"Accept-Language": "de"}
    replayed = site.post(f"/dead-letters/{dead()}/replay", headers=german)
    cancelled = site.session.delete(
        f"{site.url}/conversions/{make.queued().id}", headers=german, timeout=60
    )
    unknown = site.get("/conversions/none", headers=german)

    assert replayed.headers["content-language"] == "de"
    assert cancelled.json()["failure"]["sentence"] == "Die Umwandlung wurde abgebrochen."
    assert (cancelled.headers["content-language"], cancelled.status_code) == ("de", 200)
    assert (unknown.headers["content-language"], unknown.status_code) == ("en", 404)


def test_dead_letters_are_listed_the_newest_first(site, dead):
    ids = [dead() for _ in range(3)]
    found, page = [], "/dead-letters?limit=2"
    while page:
        told = site.get(page).json()
        found += told["dead_letters"]
        page = told["next"]

    assert [one["id"] for one in found] == ids[::-1]
    assert all(one["replay_is_paid"] for one in found)


def test_dead_letters_are_listed_by_class(site, dead):
    dead()
    stored = [dead(UNSTORED) for _ in range(3)]
    first = site.get("/dead-letters?kind=storage&limit=2").json()
    second = site.get(first["next"]).json()

    assert [one["id"] for one in first["dead_letters"] + second["dead_letters"]] == stored[::-1]


@pytest.mark.parametrize("query", ["kind=odd", "limit=0", "cursor=x", "state=failed"])
def test_a_wrong_query_is_refused(site, query):
    assert site.get(f"/dead-letters?{query}").status_code == 422


@pytest.mark.parametrize("options", [{}, {"json": {}}, {"json": {"timeout": 1200}}])
def test_a_dead_letter_can_be_tried_again(site, dead, options):
    conversion_id = dead()
    answer = site.post(f"/dead-letters/{conversion_id}/replay", **options)

    assert answer.status_code == 202
    assert answer.headers["location"] == f"/conversions/{conversion_id}"
    assert answer.json()["state"] == "queued"
    assert site.get(f"/dead-letters/{conversion_id}").status_code == 404


def test_a_replay_is_reported_though_redis_goes_away_after_it(site, dead, monkeypatch):
    def gone(_):
        raise LedgerUnavailable("Redis can't be reached.")

    paid, free = dead(), dead(UNSTORED, is_paid_result=True)
    with monkeypatch.context() as blip:
        blip.setattr(site.conveyor, "status", gone)
        answers = [site.post(f"/dead-letters/{one}/replay") for one in (paid, free)]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert [answer.json()["id"] for answer in answers] == [paid, free]
    assert [answer.json()["state"] for answer in answers] == ["queued", "ready"]
    assert [answer.json()["progress"]["fraction"] for answer in answers] == [0.0, None]


def test_one_that_is_replayed_while_the_page_is_made_is_left_out(site, dead, monkeypatch):
    letters = site.conveyor.dead_letters
    replayed, stays = dead(), dead()
    seen = letters.page()
    letters.replay(replayed)
    monkeypatch.setattr(letters, "page", lambda *_: seen)
    told = site.get("/dead-letters").json()["dead_letters"]

    assert [one["id"] for one in told] == [stays]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"timeout": "1200"}', b'{"timeout": 9}', b'{"odd": 1}', b"null"]
)
def test_a_wrong_order_is_refused_and_nothing_is_tried(site, dead, body):
    path = f"/dead-letters/{dead()}"
    answer = site.post(f"{path}/replay", data=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert site.get(path).status_code == 200


def test_an_order_that_is_not_json_is_refused(site, dead):
    answer = site.post(f"/dead-letters/{dead()}/replay", data=b"timeout=1200")

    assert answer.status_code == 415


@pytest.mark.parametrize(("method", "end"), [("GET", ""), ("POST", "/replay")])
def test_unknown_dead_letter_is_not_found(site, make, converted, method, end):
    for conversion_id in ("nothing", make.queued().id, converted()):
        assert site.ask(method, f"/dead-letters/{conversion_id}{end}").status_code == 404
