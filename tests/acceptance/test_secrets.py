"""Nothing secret in messages, events, logs, Flower or error texts (invariant I5)."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import time
import urllib.request
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conveyor import ConversionFailed
from conveyor.webhooks import address_of
from workers.local.stack import LocalStack

API_SECRET = "5ecr3t-of-the-account"
URL_SECRET = "5ecr3t-in-the-url"
PARAM_SECRET = "5ecr3t-parameter"


LEDGER_COMMANDS = ('"EVALSHA"', '"HGETALL"', '"HSET"', '"HGET"', '"SET"', '"GET"')


class Document(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"# Words\n"
        self.send_response(200 if "a.md" in self.path else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def documents():
    with ThreadingHTTPServer(("127.0.0.1", 0), Document) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def stack():
    options = ("--secret", API_SECRET, "--duration", "0.5")
    # The service calls for successes alone; failures are found by the net.
    settings = {"API_SECRET": API_SECRET, "LOG_LEVEL": "DEBUG", "WEBHOOK_NET": "5"}
    with LocalStack(
        flower=True,
        web=True,
        webhooks=True,
        sandbox_options=options,
        settings={**settings, "LOG_FORMAT": "json"},
    ) as running:
        yield running


class Wiretap(threading.Thread):
    """Every command that reaches Valkey: messages, events and results among them."""

    def __init__(self, valkey):
        super().__init__(daemon=True)
        self._socket = socket.create_connection(("127.0.0.1", valkey.port))
        self._socket.sendall(f"AUTH {valkey.password}\r\nMONITOR\r\n".encode())
        self.commands = []

    def run(self):
        with self._socket, self._socket.makefile(errors="replace") as lines:
            for line in lines:
                self.commands.append(line.partition("] ")[2])

    def end(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self.join(timeout=5)

    def sent(self):
        """What travels: messages, events, results; not the ledger's own reads and writes."""
        return [
            command + _bodies(command)
            for command in self.commands
            if not ("{conveyor}:" in command and command.startswith(LEDGER_COMMANDS))
        ]


def _bodies(command):
    """kombu sends bodies in base64."""
    found = re.findall(r'body\\": \\"([A-Za-z0-9+/=]+)', command)
    return "".join(base64.b64decode(body).decode() for body in found)


@pytest.fixture(scope="module")
def overheard(stack, documents):
    """Some conversions of every end, and all that could be overheard of them."""
    tap = Wiretap(stack.valkey)
    tap.start()
    errors = []
    with closing(stack.conveyor()) as conveyor:
        url = f"{documents}/a.md?token={URL_SECRET}"
        good = conveyor.convert(url, to="html")
        good.wait(timeout=90)
        params = {"NoSuchParameter": PARAM_SECRET}
        signed = conveyor.signature(url, to="pdf", params=params).apply_async()
        missing = conveyor.convert(f"{documents}/gone.md?token={URL_SECRET}", to="html")
        for wait in (missing.wait, signed.get):
            with pytest.raises(ConversionFailed) as raised:
                wait(timeout=90)
            errors.append(f"{raised.value!r} {raised.value}")
        ids = [good.id, signed.id, missing.id]
        job_ids = [conveyor.ledger.get(each).job_id for each in ids]
        results = [json.dumps(conveyor.get(each).to_dict()) for each in ids]
    time.sleep(0.5)  # events are flushed by then
    tap.end()
    logs = [child.log.read_text() for child in stack.processes()]
    return {
        "messages": tap.sent(),
        "logs": logs,
        "errors": errors,
        "results": results,
        "flower": [_get(f"{stack.flower_url}/task/{each}") for each in ids],
        "web": [_get(f"{stack.web_url}{path}") for path in _paths(ids)],
        "signatures": [_signature(stack, each) for each in ids],
        "ids": ids,
        "job_ids": [job_id for job_id in job_ids if job_id],
    }


def _get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def _paths(ids):
    for each in ids:
        yield f"/conversions/{each}"
        yield f"/conversions/{each}/events"
    yield from ("/conversions", "/dead-letters", "/fleet", "/metrics", "/readyz", "/")


def _signature(stack, conversion_id):
    key = stack.settings()["WEBHOOK_KEY"]
    return address_of("", key, conversion_id).rpartition("/")[2]


def test_there_was_something_to_overhear(overheard):
    assert len(overheard["job_ids"]) >= 2
    assert any("conveyor.submit" in message for message in overheard["messages"])
    assert any("task-succeeded" in message for message in overheard["messages"])
    assert any('"event": "submitted"' in log for log in overheard["logs"])
    assert any("/webhooks/" in log for log in overheard["logs"])
    assert any('"state":"succeeded"' in answer for answer in overheard["web"])


def test_logs_carry_the_conversions_id_as_a_field(overheard):
    lines = [
        json.loads(line)
        for log in overheard["logs"]
        for line in log.splitlines()
        if '"conversion_id"' in line
    ]

    events = {line["event"] for line in lines if line["conversion_id"] == overheard["ids"][0]}
    assert {"submitted", "ready", "stored"} <= events


@pytest.mark.parametrize("where", ["messages", "logs", "errors", "results", "flower", "web"])
def test_job_ids_and_the_api_secret_stand_nowhere(overheard, where):
    for text in overheard[where]:
        assert API_SECRET not in text
        for secret in (*overheard["job_ids"], *overheard["signatures"]):
            assert secret not in text


@pytest.mark.parametrize("where", ["logs", "errors", "results", "flower", "web"])
def test_source_urls_and_parameters_are_not_shown(overheard, where):
    for text in overheard[where]:
        assert URL_SECRET not in text
        assert PARAM_SECRET not in text


def test_events_show_redacted_arguments(overheard):
    events = [message for message in overheard["messages"] if "task-sent" in message]

    assert events
    for event in events:
        assert URL_SECRET not in event
        assert PARAM_SECRET not in event


def test_flower_shows_a_conversion_by_its_id(overheard):
    good, *_ = overheard["flower"]

    assert overheard["ids"][0] in good
    assert "SUCCESS" in good
