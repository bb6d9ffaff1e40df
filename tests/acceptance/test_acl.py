"""The user of the documentation, as it stands there, may do what Conveyor does, and no more."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
import redis

from conveyor import State
from conveyor.diagnosis.doctor import examine
from local_stack.stack import LocalStack
from local_stack.valkey import Valkey

DOCS = Path(__file__).parents[2] / "docs" / "production.md"
PASSWORD = "a/word:of@its#own"


def _documented_line():
    (line,) = re.findall(r"^    (user conveyor .*)$", DOCS.read_text(), re.MULTILINE)
    return line.replace("PASSWORD", PASSWORD)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    users = tmp_path_factory.mktemp("acl") / "users.acl"
    users.write_text(f"user default on nopass ~* &* +@all\n{_documented_line()}\n")
    with Valkey(options={"aclfile": str(users)}) as server:
        yield server


@pytest.fixture(scope="module")
def url(server):
    return f"redis://conveyor:a%2Fword%3Aof%40its%23own@127.0.0.1:{server.port}/0"


@pytest.fixture(scope="module")
def stack(url):
    settings = {"BROKER_URL": url, "REDIS_URL": "", "RESULT_BACKEND": ""}
    with LocalStack(workers=1, web=True, flower=True, settings=settings) as running:
        yield running


def _text(url):
    """A page, empty where there is none yet."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        error.close()
        return ""


def _post(url, body):
    request = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


async def _followed(conveyor, source):
    handle = await conveyor.aconvert(source, to="html")
    states = [event.state async for event in handle.aevents()]
    return states[-1]


def test_documented_user_does_for_worker_producer_web_doctor_and_flower(
    stack, conveyor, server, document, until
):
    done = conveyor.convert(document, to="html").wait(timeout=120)
    followed = asyncio.run(_followed(conveyor, document))
    result = conveyor.signature(document, to="html").apply_async().get(timeout=120)
    accepted = _post(
        f"{stack.web_url}/conversions", {"source": "https://example.com/a.docx", "to": "pdf"}
    )
    cancelled = conveyor.cancel(accepted["id"])
    checks = examine(conveyor)
    # A conversion that it has heard of by an event.
    until(lambda: done.id in _text(f"{stack.flower_url}/task/{done.id}"))
    with closing(server.client()) as client:
        refused = [(entry["reason"], entry["object"]) for entry in client.acl_log()]

    assert (done.state, followed) == (State.SUCCEEDED,) * 2
    assert cancelled.id == accepted["id"]
    assert result["state"] == "succeeded"
    assert [check for check in checks if not check.ok] == []
    # The doctor asks for settings where it may: CONFIG GET would show passwords, too.
    assert [each for each in refused if each != ("command", "config|get")] == []


@pytest.mark.parametrize(
    "command",
    [("GET", "session:1"), ("FLUSHALL",), ("KEYS", "*"), ("CONFIG", "GET", "*"), ("LLEN", "jobs")],
    ids=" ".join,
)
def test_documented_user_may_do_nothing_else(server, url, command):
    with (
        closing(redis.Redis.from_url(url)) as client,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        client.execute_command(*command)
