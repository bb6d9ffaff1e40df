"""What a worker uploads, under which account it uses it, and what it sends of a request."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from conveyor import InvalidRequest, State, names
from conveyor.convertapi.errors import ComeLater, Refused, Unclear, Unreachable
from conveyor.domain.conversion import FailureKind, Reason
from conveyor.domain.dialect import Dialect
from conveyor.ledger import Submission
from conveyor.ledger.keys import Keys
from workers.sources import failure_of_source

KEYS = Keys()

FILE_ID = "0123456789abcdefghijklmnopqrstuv"
URL = "https://example.com/a.css"
GONE = (500, {"Code": 5009, "Message": "Bad file ID."})


class Service:
    """A stand-in that takes any parameter, remembers what it got, and fails on order.

    Attributes:
        uploads: Names of uploaded files by FileId, in their order.
        posts: Path, query and form of every submit.
        deleted: Paths of what was deleted.
        fails: Answers to the next submits, uploads, polls, in place of the good ones.
    """

    def __init__(self, url):
        self.url = url
        self.reset()

    def reset(self):
        self.uploads, self.posts, self.deleted = {}, [], []
        self.fails = {"submit": [], "upload": [], "poll": []}

    def answer(self, method, target, headers, body):
        parts = urlsplit(target)
        if method == "DELETE":
            self.deleted.append(parts.path)
            return 200, {}
        if parts.path == "/upload":
            return self._upload(headers)
        if "convert/" in parts.path:
            return self._submit(parts.path, dict(parse_qsl(parts.query)), body)
        if "job/" in parts.path:
            return self._failure("poll") or (200, self._result())
        return 200, "a result"

    def _upload(self, headers):
        failure = self._failure("upload")
        if failure:
            return failure
        file_id = f"{len(self.uploads):032d}"
        self.uploads[file_id] = unquote(headers["Content-Disposition"].partition("''")[2])
        return 200, {"FileId": file_id}

    def _submit(self, path, query, body):
        self.posts.append((path, query, dict(parse_qsl(body.decode(), keep_blank_values=True))))
        if failure := self._failure("submit"):
            return failure
        is_semi = path.startswith("/convert/") and "Async" not in query
        return 200, self._result() if is_semi else {"JobId": query["JobId"]}

    def _failure(self, kind):
        return self.fails[kind].pop(0) if self.fails[kind] else None

    def _result(self):
        file = {"FileName": "a.pdf", "FileSize": 8, "Url": f"{self.url}/d/{'r' * 32}"}
        return {"ConversionCost": 1, "Files": [file]}


@contextmanager
def _running():
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, told = service.answer(self.command, self.path, self.headers, body)
            kind = "text/plain" if isinstance(told, str) else "application/json"
            content = told.encode() if isinstance(told, str) else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - names of http.server

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service = Service(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield service
        server.shutdown()


@pytest.fixture
def service():
    with _running() as made:
        yield made


@pytest.fixture
def elsewhere():
    with _running() as made:
        yield made


@pytest.fixture
def worker(worker_of, service):
    with worker_of(service.url) as made:
        yield made


@pytest.fixture
def stamp(tmp_path):
    path = tmp_path / "stämp.pdf"
    path.write_text("%PDF-1.4")
    return path


@pytest.fixture
def staged(tmp_path):
    """The names of the files that lie in the storage for workers."""
    return lambda: sorted(path.name for path in (tmp_path / "files").glob("staged/*/*"))


def test_files_of_every_kind_reach_the_service_and_nothing_is_left(
    *, worker, service, conveyor, document, stamp, staged, clean
):
    params = {"OverlayFile": stamp, "CssFile": URL, "pfxfile": FILE_ID, "PageRange": "1-3"}
    handle = conveyor.convert(document, to="pdf", params=params)
    assert staged() == ["a.md", "stämp.pdf"]
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    (source_id, stamp_id) = service.uploads
    assert service.uploads == {source_id: "a.md", stamp_id: "stämp.pdf"}
    ((_, _, form),) = service.posts
    assert form == {
        "File": source_id,
        "OverlayFile": stamp_id,
        "CssFile": URL,
        "pfxfile": FILE_ID,
        "PageRange": "1-3",
        "StoreFile": "true",
    }
    assert staged() == []
    clean()
    assert {f"/d/{source_id}", f"/d/{stamp_id}"} < set(service.deleted)
    assert f"/d/{FILE_ID}" not in service.deleted


def test_a_signatures_files_reach_the_service(
    *, worker, service, conveyor, document, stamp, staged
):
    signature = conveyor.signature(document, to="pdf", params={"OverlayFile": stamp})
    result = signature.apply_async()
    worker.work()

    assert result.get(timeout=30)["state"] == "succeeded"
    assert sorted(service.uploads.values()) == ["a.md", "stämp.pdf"]
    assert service.posts[0][2]["OverlayFile"] in service.uploads
    # A signature can run again.
    assert staged() == ["a.md", "stämp.pdf"]


def test_a_file_of_a_chains_next_conversion_is_staged_immediately(
    worker, service, conveyor, document, stamp
):
    chain = conveyor.signature(document, to="docx") | conveyor.signature(
        to="pdf", params={"OverlayFile": stamp}
    )
    result = chain.apply_async()
    stamp.unlink()
    worker.work()

    assert result.get(timeout=30)["state"] == "succeeded"
    assert service.posts[1][2]["OverlayFile"] in service.uploads


@pytest.mark.parametrize("value", ["/etc/passwd", "a.pdf", "~/a.pdf"])
def test_a_path_of_the_producers_as_a_parameter_can_not_be_read_by_a_worker(
    worker, app, service, value
):
    """A message made by hand; the library stages what is local."""
    kwargs = {"to": "pdf", "params": {"OverlayFile": value}}
    result = app.send_task(names.SUBMIT, args=["https://example.com/a.docx"], kwargs=kwargs)
    worker.work()

    with pytest.raises(InvalidRequest, match="can't read a path on the producer's machine"):
        result.get(timeout=30)
    assert service.posts == []


def test_a_parameter_outside_the_workers_folders_is_not_uploaded(worker, service, conveyor):
    params = {"OverlayFile": "file:///etc/passwd"}
    handle = conveyor.convert("https://example.com/a.docx", to="pdf", params=params)
    worker.work()

    failure = handle.get().failure
    assert (failure.kind, failure.reason) == (FailureKind.INPUT, Reason.UNREACHABLE)
    assert (service.uploads, service.posts) == ({}, [])


@pytest.mark.parametrize("where", ["submit", "poll"])
def test_uploads_that_are_gone_are_uploaded_again_once(
    *, worker, service, conveyor, document, stamp, where, clean
):
    service.fails[where] = [GONE]
    handle = conveyor.convert(document, to="pdf", params={"OverlayFile": stamp})
    worker.work()

    conversion = handle.get()
    assert (conversion.state, conversion.submits) == (State.SUCCEEDED, 1)
    first, second = (form for _, _, form in service.posts)
    assert list(service.uploads.values()) == ["a.md", "stämp.pdf"] * 2
    assert {first["File"], first["OverlayFile"]} == set(list(service.uploads)[:2])
    assert {second["File"], second["OverlayFile"]} == set(list(service.uploads)[2:])
    # Whatever became of the first uploads: what of them is there is deleted, too.
    clean()
    assert {f"/d/{file_id}" for file_id in service.uploads} < set(service.deleted)
    # Whatever became of the first id: this is a job of its own.
    assert service.posts[0][1]["JobId"] != service.posts[1][1]["JobId"]


@pytest.mark.parametrize("where", ["submit", "poll"])
def test_uploads_that_are_gone_twice_are_a_dead_letter(worker, service, conveyor, document, where):
    service.fails[where] = [GONE, GONE]
    handle = conveyor.convert(document, to="pdf")
    worker.work()

    failure = handle.get().failure
    assert (failure.kind, failure.code) == (FailureKind.INPUT, 5009)
    assert failure.reason is Reason.MISSING
    assert (len(service.posts), len(service.uploads)) == (2, 2)


def test_a_replay_may_upload_again_once_more(worker, service, conveyor, document):
    service.fails["submit"] = [GONE, GONE]
    handle = conveyor.convert(document, to="pdf")
    worker.work()
    service.fails["submit"] = [GONE]
    conveyor.dead_letters.replay(handle.id)
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    assert len(service.uploads) == 4


@pytest.mark.parametrize("where", ["submit", "poll"])
def test_a_callers_own_file_id_that_is_gone_is_a_dead_letter(worker, service, conveyor, where):
    service.fails[where] = [GONE]
    handle = conveyor.convert(FILE_ID, to="pdf", from_format="docx")
    worker.work()

    assert handle.get().failure.code == 5009
    assert (len(service.posts), service.uploads) == (1, {})


def test_a_repeated_post_that_is_refused_makes_no_other_job(worker, service, conveyor, document):
    """The first may have been taken, and may have used the upload up (invariant I1)."""
    service.fails["submit"] = [(502, "<html>Bad gateway</html>"), GONE]
    service.fails["poll"] = [(404, {})]
    handle = conveyor.convert(document, to="pdf")
    worker.work()

    assert len({query["JobId"] for _, query, _ in service.posts}) == 1
    assert len(service.uploads) == 1
    assert handle.get().state is not State.QUEUED


def _upload_and_put_back(worker, service, conveyor, document):
    """One that is uploaded, and not started: a throttle."""
    service.fails["submit"] = [(503, {"Code": 503, "Message": "The service is overloaded."})]
    handle = conveyor.convert(document, to="pdf")
    worker.run(worker.waiting()[0])
    assert len(service.uploads) == 1
    return handle


def test_uploads_are_never_used_at_another_host(worker_of, service, elsewhere, conveyor, document):
    with worker_of(service.url) as worker:
        handle = _upload_and_put_back(worker, service, conveyor, document)
        entry = worker.services.ledger.get(handle.id)
        assert (entry.uploads_host, entry.uploads_account) == (
            service.url,
            worker.services.governor.account,
        )
    with worker_of(elsewhere.url) as another:
        another.work()

    assert handle.get().state is State.SUCCEEDED
    assert elsewhere.posts[0][2]["File"] in elsewhere.uploads
    assert elsewhere.posts[0][0] == service.posts[0][0]
    assert len(service.uploads) == len(elsewhere.uploads) == 1


def test_uploads_of_what_was_never_submitted_are_deleted_where_they_are(
    *, worker, service, conveyor, document, clean
):
    handle = conveyor.convert(document, to="pdf")
    ledger = worker.services.ledger
    ledger.uploaded(ledger.get(handle.id), {"0": FILE_ID}, host=service.url, account="ab12")
    conveyor.cancel(handle.id)
    worker.work()
    clean()

    assert service.deleted == [f"/d/{FILE_ID}"]


def test_files_that_another_has_uploaded_elsewhere_meanwhile_are_not_posted_here(
    worker, service, elsewhere, conveyor, document
):
    """Two workers with the same message, each with a host of its own."""
    handle = conveyor.convert(document, to="pdf")
    ledger, account = worker.services.ledger, worker.services.governor.account
    ours = ledger.uploaded(ledger.get(handle.id), {"0": "f0"}, host=service.url, account=account)
    theirs = ledger.uploaded(ours, {"0": "f1"}, host=elsewhere.url, account=account)
    job = Submission("0" * 32, service.url, Dialect.PATH)

    assert ledger.begin_submit(ours, job) is None
    assert ledger.begin_submit(theirs, job) is not None


def test_uploads_are_never_used_for_another_account(worker_of, service, conveyor, document):
    with worker_of(service.url) as worker:
        handle = _upload_and_put_back(worker, service, conveyor, document)
    with worker_of(service.url, account="another") as another:
        another.work()

    assert handle.get().state is State.SUCCEEDED
    first, second = (form["File"] for _, _, form in service.posts)
    assert [first, second] == list(service.uploads)


def test_uploads_that_are_nearly_as_old_as_the_service_keeps_them_are_made_again(
    *, worker, service, conveyor, document, client, clean
):
    handle = _upload_and_put_back(worker, service, conveyor, document)
    entry = worker.services.ledger.get(handle.id)
    client.hset(KEYS.conversion(handle.id), "uploaded_at", entry.uploaded_at - 9100)
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    assert len(service.uploads) == 2
    clean()
    assert {f"/d/{file_id}" for file_id in service.uploads} < set(service.deleted)


def test_finished_uploads_are_not_repeated_after_a_failure(
    worker, service, conveyor, document, stamp
):
    taken = service._upload
    page = (502, "<html>Bad gateway</html>")

    def refuse_stamps(headers):
        return page if "st%C3%A4mp" in headers["Content-Disposition"] else taken(headers)

    service._upload = refuse_stamps
    handle = conveyor.convert(document, to="pdf", params={"OverlayFile": stamp})
    worker.run(worker.waiting()[0])
    before = worker.services.ledger.get(handle.id)
    assert (before.state, list(before.uploads)) == (State.QUEUED, ["0"])
    service._upload = taken
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    assert list(service.uploads.values()) == ["a.md", "stämp.pdf"]


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (ComeLater(429, 7.0), None),
        (ComeLater(503), None),
        (Unclear("cut"), None),
        (Unreachable("refused"), None),
        (Refused(400, 4001, "No content disposition."), (FailureKind.INPUT, Reason.REFUSED)),
        (Refused(413, 0, "Too large."), (FailureKind.INPUT, Reason.TOO_LARGE)),
        (Refused(401, 4013, "Unauthorized."), (FailureKind.ACCOUNT, Reason.CREDENTIALS)),
        (InvalidRequest("It is empty.", Reason.EMPTY), (FailureKind.INPUT, Reason.EMPTY)),
        (InvalidRequest("It is none."), (FailureKind.INPUT, Reason.REFUSED)),
    ],
    ids=repr,
)
def test_only_what_can_not_be_mended_is_a_failure(error, ends):
    failure = failure_of_source(error)

    assert (failure and (failure.kind, failure.reason)) == ends


@pytest.mark.parametrize(
    ("setting", "asked", "waits"),
    [(0, None, False), (0, 600, True), (5, None, True), (5, 0, False)],
    ids=["not at all", "asked", "set", "asked not to"],
)
def test_a_submit_waits_for_the_result_as_its_request_says(
    *, worker_of, service, conveyor, document, setting, asked, waits
):
    with worker_of(service.url, semi_async_seconds=setting) as worker:
        handle = conveyor.convert(document, to="pdf", semi_async_seconds=asked)
        done = worker.work()

    assert handle.get().state is State.SUCCEEDED
    assert (names.POLL not in done) is waits
    ((path, query, _),) = service.posts
    assert (path == "/convert/md/to/pdf" and "Async" not in query) is waits


def test_a_signature_carries_how_long_to_wait(worker, service, conveyor, document):
    conveyor.signature(document, to="pdf", semi_async_seconds=7).apply_async()
    worker.work()

    assert service.posts[0][0] == "/convert/md/to/pdf"


def test_a_wait_reaches_the_request_bounded_by_the_timeout(worker, conveyor, document, monkeypatch):
    seen = []
    start = worker.services.api.start

    def watch(*args, **options):
        seen.append(options["wait_s"])
        return start(*args, **options)

    monkeypatch.setattr(worker.services.api, "start", watch)
    conveyor.convert(document, to="pdf", params={"Timeout": 60}, semi_async_seconds=1200)
    worker.work()

    assert seen == [60]
