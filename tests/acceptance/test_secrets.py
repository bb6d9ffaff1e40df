"""Nothing secret in messages, events, logs, Flower or error texts (invariant I5)."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import urllib.request
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
import redis
from celery.result import AsyncResult
from typer.testing import CliRunner

from conveyor import ConversionFailed
from conveyor.cli.app import app as cli
from conveyor.domain.dialect import Dialect
from conveyor.domain.jobs import job_uuid
from conveyor.ledger.keys import Keys
from conveyor.webhooks import address_of
from local_stack.stack import LocalStack

KEYS = Keys()

API_SECRET = "5ecr3t-of-the-account"
FILE_SECRET = "5ecr3t-in-a-file-that-signs"
MASTER_TOKEN = "5ecr3t-master-token"
URL_SECRET = "5ecr3t-in-the-url"
PARAM_SECRET = "5ecr3t-parameter"
PASSWORD = "5ecr3t-password"
KID = "a-token's-id"
CREDENTIALS = (API_SECRET, FILE_SECRET, MASTER_TOKEN)
A_JWT = re.compile(r"\beyJ[\w-]+\.eyJ[\w-]+\.[\w-]+")
# An upload or a result at the sandbox.
A_FILE = re.compile(r"/d/([a-z0-9]{32})")

LEDGER_COMMANDS = ('"EVALSHA"', '"HGETALL"', '"HSET"', '"HGET"', '"SET"', '"GET"')
SHOWN = ("logs", "errors", "results", "flower", "web", "command line")


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


def _plain(_folder):
    return {"API_SECRET": API_SECRET}, ("--secret", API_SECRET)


def _signed(folder):
    """JWTs, signed with a secret from a file; the account's own secret is nobody's."""
    (folder / "secret").write_text(FILE_SECRET)
    settings = {
        "API_SECRET": "",
        "API_SECRET_FILE": str(folder / "secret"),
        "API_JWT_KID": KID,
        "API_MASTER_TOKEN": MASTER_TOKEN,
    }
    options = ("--secret", API_SECRET, "--master-token", MASTER_TOKEN)
    return settings, (*options, "--jwt-kid", KID, "--jwt-key", FILE_SECRET)


@pytest.fixture(scope="module", params=[_plain, _signed], ids=["secret", "signed"])
def stack(request, tmp_path_factory):
    credentials, options = request.param(tmp_path_factory.mktemp("secret"))
    # The service calls for successes alone; failures are found by the fallback poll.
    settings = {"LOG_LEVEL": "DEBUG", "LOG_FORMAT": "json"}
    with LocalStack(
        flower=True,
        web=True,
        webhooks=True,
        sandbox_options=options,
        settings={**settings, "STORAGE_RETRIES": "1", **credentials},
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
def overheard(stack, documents, sandbox, until, tmp_path_factory):
    """Some conversions of every end, and all that could be overheard of them.

    At each address of the service one meets an error that quotes job id, URL and credential.
    """
    tap = Wiretap(stack.valkey)
    tap.start()
    url = f"{documents}/a.md?token={URL_SECRET}"
    locked = {"Password": PASSWORD}
    document = tmp_path_factory.mktemp("document") / "a.md"
    document.write_text("# Words\n")
    errors, dead = [], []

    def fails(handle):
        dead.append(handle.id)
        errors.append(_error_of(handle))

    with (
        closing(stack.conveyor()) as conveyor,
        closing(redis.Redis.from_url(stack.valkey.url(), decode_responses=True)) as client,
    ):
        with sandbox.faults(leaky_error_upload=1.0):
            fails(conveyor.convert(document, to="html", params=locked))
        for fault in ("leaky_refusal_submit", "leaky_error_poll", "leaky_error_download"):
            with sandbox.faults(**{fault: 1.0}):
                fails(conveyor.convert(url, to="html", params=locked))
        fails(conveyor.convert(f"{documents}/gone.md?token={URL_SECRET}", to="html"))
        unknown = {"NoSuchParameter": PARAM_SECRET}
        fails(conveyor.signature(url, to="pdf", params=unknown).apply_async())

        with sandbox.faults(leaky_error_delete=1.0):
            handles = [conveyor.convert(each, to="html", params=locked) for each in (url, document)]
            done = [handle.wait(timeout=90).id for handle in handles]
            until(lambda: any(_logged(stack, "not_deleted")))
            until(lambda: not any(map(client.zcard, KEYS.all_due)))
            leftovers = client.hvals(KEYS.leftover_records)
        until(lambda: conveyor.ledger.leftovers.count() == 0)

        ids = [*done, *dead]
        results = [json.dumps(conveyor.get(each).to_dict()) for each in ids]
        job_key = conveyor.ledger.job_key()
        # A dead letter keeps what its replay needs.
        kept = {KEYS.conversion(each) for each in dead} | {KEYS.job_key}
        stored = {name: _dump(client, name) for name in client.scan_iter() if name not in kept}
    shown = {
        "flower": [_get(f"{stack.flower_url}/task/{each}") for each in ids],
        "web": [_get(f"{stack.web_url}{path}") for path in _paths(ids)],
        "command line": [_cli(stack, *command) for command in _commands(done[0], dead)],
    }
    until(lambda: any("task-succeeded" in message for message in tap.sent()))
    tap.end()
    return {
        **shown,
        "messages": tap.sent(),
        "logs": [child.log.read_text() for child in stack.processes()],
        "errors": errors,
        "results": results,
        "Redis": [*stored, *stored.values()],
        "leftovers": leftovers,
        "signatures": [_signature(stack, each) for each in ids],
        "ids": ids,
        "records": [stored[KEYS.conversion(each)] for each in done],
        "job_ids": [
            dialect.job_id(job_uuid(job_key.encode(), each, 1))
            for each in ids
            for dialect in Dialect
        ],
        "job_key": job_key,
        "files": A_FILE.findall("\n".join(tap.commands)),
    }


def _error_of(handle):
    wait = handle.get if isinstance(handle, AsyncResult) else handle.wait
    with pytest.raises(ConversionFailed) as raised:
        wait(timeout=90)
    return f"{raised.value!r} {raised.value}"


def _logged(stack, event):
    return [f'"event": "{event}"' in worker.log.read_text() for worker in stack.workers]


def _dump(client, name):
    """All that a key holds."""
    read = {
        "hash": client.hgetall,
        "list": lambda key: client.lrange(key, 0, -1),
        "set": client.smembers,
        "zset": lambda key: client.zrange(key, 0, -1),
        "string": client.get,
    }
    return str(read[client.type(name)](name))


def _cli(stack, *command):
    ended = CliRunner().invoke(cli, command, env=stack.environment())
    assert ended.exit_code == 0, ended.output
    return ended.output


def _commands(done, dead):
    yield ("doctor", "--json")
    yield ("dead", "list", "--json")
    yield ("get", done, "--json")
    yield from (("dead", "show", each) for each in dead)


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
    assert any("conveyor.submit" in message for message in overheard["messages"])
    assert any("task-succeeded" in message for message in overheard["messages"])
    logs = "".join(overheard["logs"])
    assert '"event": "submitted"' in logs
    assert "/webhooks/" in logs
    assert any('"state":"succeeded"' in answer for answer in overheard["web"])
    assert len(overheard["files"]) > len(overheard["ids"])


def test_job_ids_and_addresses_stand_where_they_are_needed(overheard):
    """Else they are looked for in vain everywhere."""
    left = "".join(overheard["leftovers"])

    assert any(job_id in left for job_id in overheard["job_ids"])
    assert any(file in left for file in overheard["files"])


def test_logs_carry_the_conversions_id_as_a_field(overheard):
    lines = [
        json.loads(line)
        for log in overheard["logs"]
        for line in log.splitlines()
        if '"conversion_id"' in line
    ]

    events = {line["event"] for line in lines if line["conversion_id"] == overheard["ids"][0]}
    assert {"submitted", "ready", "stored"} <= events


@pytest.mark.parametrize("where", [*SHOWN, "messages"])
def test_credentials_and_job_ids_stand_nowhere(overheard, where):
    for text in overheard[where]:
        _check_credentials(text)
        for secret in (*overheard["job_ids"], *overheard["signatures"], overheard["job_key"]):
            assert secret not in text


@pytest.mark.parametrize("where", [*SHOWN])
def test_urls_files_and_parameters_are_not_shown(overheard, where):
    for text in overheard[where]:
        for secret in (URL_SECRET, PARAM_SECRET, PASSWORD, *overheard["files"]):
            assert secret not in text


def test_finished_conversions_keep_nothing_that_opens_a_document(overheard):
    secrets = (*overheard["job_ids"], *overheard["files"], URL_SECRET, PASSWORD)
    for record in overheard["records"]:
        assert "succeeded" in record
        for secret in secrets:
            assert secret not in record


def test_nothing_is_left_in_redis_but_what_dead_letters_need(overheard):
    for text in overheard["Redis"]:
        _check_credentials(text)
        for secret in (*overheard["job_ids"], *overheard["files"], PASSWORD):
            assert secret not in text


def _check_credentials(text):
    for credential in CREDENTIALS:
        assert credential not in text
    assert not A_JWT.search(text)


def test_events_show_redacted_arguments(overheard):
    events = [message for message in overheard["messages"] if "task-sent" in message]

    assert events
    for event in events:
        for secret in (URL_SECRET, PARAM_SECRET, PASSWORD):
            assert secret not in event


def test_flower_shows_a_conversion_by_its_id(overheard):
    good, *_ = overheard["flower"]

    assert overheard["ids"][0] in good
    assert "SUCCESS" in good


def test_tokens_that_are_signed_would_be_found():
    assert A_JWT.search(f"Bearer {jwt.encode({'exp': 1}, FILE_SECRET * 2)}.")
