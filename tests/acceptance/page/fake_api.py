"""The pages as `web` serves them, before an API of made-up answers: any state, at once."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from starlette.testclient import TestClient

from config.web import WebSettings
from conveyor import Conveyor, Reason
from conveyor.settings import load
from web.app import make_app

ORIGIN = "http://pages.test"
BLANK = "/blank"
FLYING = ("queued", "converting", "ready")
DEAD = ("failed", "expired")
NAMES = ("annual report", "price list", "minutes", "contract", "invitation", "programme", "speech")
API = re.compile("/(conversions|dead-letters|fleet|formats|healthz)(/|$)")
NOW = datetime.now(UTC)


def conversion(number, state="succeeded", reason=None, **more):
    """A conversion as the API answers it; the higher its number, the older it is."""
    name = f"{NAMES[number % len(NAMES)]} {number}.docx"
    identity = f"{number:08d}-2f57-4c7e-9f0e-3d1f0c5b8a11"
    flying = state in FLYING
    made = {
        "id": identity,
        "state": state,
        "from_format": "docx",
        "to_format": "pdf",
        "created_at": time(number * 37 + 20),
        "submitted_at": time(number * 37 + 19),
        "ready_at": None if flying else time(number * 37 + 15),
        "finished_at": None if flying else time(number * 37 + 14),
        "cost": 1 if state == "succeeded" else 0,
        "polls": 1,
        "progress": {
            "fraction": 0.4 if state == "converting" else None,
            "elapsed_s": 2.1,
            "expected_s": 5.0,
            "note": "",
            "held": False,
            "late": False,
        },
        "files": [file(identity, name)] if state == "succeeded" else [],
        "failure": failure(reason) if reason else None,
        "source_name": name,
        "metadata": {"order": 4000 + number},
    }
    return {**made, **more}


def time(ago_s):
    moment = NOW - timedelta(seconds=ago_s)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def file(identity, name):
    name = name.replace("docx", "pdf")
    href = f"/conversions/{identity}/files/{name}"
    return {"name": name, "size": 48_213, "sha256": "0" * 64, "href": href}


def failure(reason, kind="input", code=5003, message="File is password protected."):
    return {
        "kind": kind,
        "reason": reason.value,
        "remedies": [remedy.value for remedy in reason.remedies],
        "sentence": reason.sentence(),
        "advice": reason.advice(),
        "language": "en",
        "code": code,
        "status": 500,
        "message": message,
    }


def letter(number, reason, *, is_paid=True, account="ab12cd34ef56", **of_failure):
    dead = conversion(number, "failed", None, failure=failure(reason, **of_failure))
    return {**dead, "replay_is_paid": is_paid, "account": account}


class FakeApi:
    """Answers a browser's requests: the pages as they are, the API as it was filled."""

    def __init__(self):
        urls = {"broker_url": "redis://127.0.0.1:9/0", "redis_url": "redis://127.0.0.1:9/0"}
        where = {**urls, "storage_url": "memory://"}
        app = make_app(load(WebSettings, **where), Conveyor(**where))
        self._pages = TestClient(app, base_url="http://127.0.0.1")
        self._files = {
            BLANK: {"status": 200, "content_type": "text/html", "body": "<title>-</title>"}
        }
        self.asked = []
        self.fill([])

    def fill(self, conversions, letters=(), held=""):
        self.conversions = {each["id"]: each for each in [*conversions, *letters]}
        self.letters = {each["id"]: each for each in letters}
        self.held = held
        self.asked.clear()

    def serve(self, context):
        context.route("**/*", self._answer)

    def _answer(self, route):
        parts = urlsplit(route.request.url)
        if API.match(parts.path):
            self.asked.append((route.request.method, parts.path, route.request.post_data))
            self._answer_api(route, parts)
        else:
            route.fulfill(**self._page(parts.path))

    def _page(self, path):
        if path not in self._files:
            answer = self._pages.get(path)
            headers = {name: value for name, value in answer.headers.items() if name != "vary"}
            told = {"status": answer.status_code, "headers": headers, "body": answer.content}
            self._files[path] = told
        return self._files[path]

    def _answer_api(self, route, parts):
        path, query = parts.path, parse_qs(parts.query)
        answers = {
            "/conversions": lambda: self._list(query),
            "/dead-letters": lambda: self._letters(query),
            "/fleet": self._fleet,
            "/formats": lambda: {"formats": {"docx": ["html", "odt", "pdf"]}},
            "/healthz": lambda: {"status": "ok"},
        }
        if route.request.method == "POST":
            route.fulfill(status=202, json=self._accept(path))
        elif path in answers:
            route.fulfill(json=answers[path]())
        else:
            route.fulfill(status=204)  # a stream of events that has ended

    def _accept(self, path):
        if path == "/conversions":
            taken = conversion(0, "queued", id=f"accepted-{len(self.asked)}", source_name="")
        else:
            taken = {**self.letters.pop(path.split("/")[2]), "state": "queued", "failure": None}
        self.conversions[taken["id"]] = taken
        return taken

    def _list(self, query):
        if ids := query.get("ids"):
            wanted = ids[0].split(",")
            return {
                "conversions": [
                    self.conversions[each] for each in wanted if each in self.conversions
                ],
                "next": None,
            }
        found = list(self.conversions.values())
        for pair in query.get("metadata", ()):
            found = [each for each in found if pair == f"order={each['metadata']['order']}"]
        return _page_of("conversions", found, query)

    def _letters(self, query):
        return _page_of("dead_letters", list(self.letters.values()), query, "/dead-letters")

    def _fleet(self):
        states = dict.fromkeys((*FLYING, "succeeded", *DEAD, "cancelled"), 0)
        for each in self.conversions.values():
            states[each["state"]] += 1
        kinds = {}
        for each in self.letters.values():
            kinds[each["failure"]["kind"]] = kinds.get(each["failure"]["kind"], 0) + 1
        held = {
            "account": "ab12cd34ef56",
            "held": self.held,
            "held_s": 60.0,
            "ends": "",
            "rate": None,
        }
        return {
            "states": states,
            "throughput": [*range(24), 31, 12, 18, 25, 22, 9] if states["succeeded"] else [0] * 30,
            "dead_letters": [{"kind": kind, "count": count} for kind, count in kinds.items()],
            "oldest_overdue_s": 0.0,
            "unreadable": 0,
            "lost": 0,
            "newer": 0,
            "leftovers": 0,
            "accounts": [{**held, "jobs": 3}] if self.held else [],
            "flower_url": None,
        }


def _page_of(name, found, query, path="/conversions"):
    start, limit = (
        int(query.get(key, [default])[0]) for key, default in (("cursor", 0), ("limit", 50))
    )
    more = start + limit < len(found)
    following = f"{path}?limit={limit}&cursor={start + limit}" if more else None
    return {name: found[start : start + limit], "next": following}


def busy():
    """What a working day looks like: some on their way, most succeeded, none failed."""
    flying = [conversion(1, "queued"), conversion(2, "converting"), conversion(3, "ready")]
    return [*flying, *map(conversion, range(4, 12))]


def failed():
    """Letters of several failures, one of them often; and a mine of the visitor's that failed."""
    return [
        *(letter(number, Reason.PASSWORD) for number in range(1, 6)),
        *(
            letter(number, Reason.SERVICE, kind="service", code=5001, message="ConvertAPI failed.")
            for number in range(6, 20)
        ),
        letter(20, Reason.STORAGE, is_paid=False, kind="storage", code=0, message="Disk is full."),
        letter(21, Reason.TOOK_TOO_LONG, code=5000, message="The conversion took too long."),
    ]


def as_mine(conversions):
    """The browser's memory of a visitor who has sent these."""
    kept = [{"id": each["id"], "name": each["source_name"]} for each in conversions]
    return f"localStorage.setItem('conveyor-mine', {json.dumps(json.dumps(kept))});"
