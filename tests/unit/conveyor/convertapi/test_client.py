"""What each call asks of the transport, and how its answer is read."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest

from conveyor.convertapi.account import Account
from conveyor.convertapi.answer import Answer
from conveyor.convertapi.authorization import Sender
from conveyor.convertapi.bodies import Download
from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.errors import ComeLater, Refused, Unclear, Unreachable
from conveyor.convertapi.timeouts import Timeouts
from conveyor.domain.answers import Failed, Finished, InProgress, Lost, Started, Unsent
from conveyor.domain.conversion import StoredFile
from conveyor.domain.dialect import Dialect

HOST = "https://eu-v2.convertapi.com"
JOB_ID = "0123456789abcdef0123456789abcdef"
FILE_ID = "f11e1d0123456789f11e1d0123456789"
TIMEOUTS = Timeouts(connect=5.0, read=15.0, total=30.0, transfer=900.0)


class FakeTransport:
    """Answers without a network, and knows what it was asked."""

    base_url = HOST
    timeouts = TIMEOUTS
    secrets = ("5ecr3t-of-the-account",)

    def __init__(self):
        self.answers = []
        self.asked = []

    def call(self, *args, deadline, **options):
        self.asked.append((args, options))
        self.bounds = [*getattr(self, "bounds", []), deadline]
        return self._next()

    def upload(self, path, open_stream, disposition, deadline):
        self.asked.append((path, disposition, deadline.total_s))
        with open_stream() as stream:
            assert stream == "opened"
        return self._next()

    @contextmanager
    def download(self, *args):
        self.asked.append(args)
        yield self._next()

    def _next(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def transport():
    return FakeTransport()


@pytest.fixture
def api(transport):
    return ConvertApi(transport)


@pytest.fixture
def keep():
    return lambda name, chunks: StoredFile(name, "memory://x", len(b"".join(chunks)), "00")


def _json(status, body):
    return Answer(status, "application/json", "", json.dumps(body).encode())


def _start(api, keep, dialect=Dialect.PATH, **options):
    return api.start(dialect, ("docx", "pdf"), {"File": FILE_ID}, JOB_ID, keep, **options)


START = "/async/convert/docx/to/pdf"


@pytest.mark.parametrize(
    ("dialect", "options", "path", "query", "wait_s"),
    [
        (Dialect.PATH, {}, START, {"JobId": JOB_ID}, 0),
        (Dialect.QUERY, {}, START[6:], {"Async": "true", "JobId": JOB_ID}, 0),
        (Dialect.QUERY, {"wait_s": 0.5}, START[6:], {"JobId": JOB_ID}, 0.5),
        (
            Dialect.PATH,
            {"webhook": "https://a.example/w/s"},
            START,
            {"JobId": JOB_ID, "WebHook": "https://a.example/w/s"},
            0,
        ),
    ],
)
def test_start_posts_the_form_under_the_accounts_secret(
    *, api, transport, keep, dialect, options, path, query, wait_s
):
    transport.answers = [_json(200, {"JobId": "j"})]

    assert _start(api, keep, dialect, **options) == Started("j")
    ((args, asked),) = transport.asked
    assert args == ("POST", path)
    assert asked == {
        "query": query,
        "form": {"File": FILE_ID, "StoreFile": "true"},
        "sender": Sender.ACCOUNT,
        "wait_s": wait_s,
    }
    assert transport.bounds[0].total_s == 30.0 + wait_s


def test_start_reads_bytes_of_the_target_format_as_the_result(api, transport, keep):
    transport.answers = [Answer(200, "application/pdf", "", b"%PDF")]

    assert isinstance(_start(api, keep), Finished)


def test_poll_gets_the_job_from_its_host_as_nobody(api, transport, keep):
    transport.answers = [Answer(202)]
    outcome = api.poll("https://v2.convertapi.com", Dialect.PATH, JOB_ID, keep)

    assert outcome == InProgress()
    assert transport.asked == [
        (("GET", f"/async/job/{JOB_ID}"), {"base_url": "https://v2.convertapi.com"})
    ]
    assert transport.bounds[0].total_s == 30.0


@pytest.mark.parametrize(("target", "kind"), [("pdf", Finished), ("png", Lost), ("", Lost)])
def test_poll_reads_bytes_of_the_target_format_alone_as_the_result(
    *, api, transport, keep, target, kind
):
    transport.answers = [Answer(200, "application/pdf", "", b"%PDF")]

    assert isinstance(api.poll("", Dialect.PATH, JOB_ID, keep, target=target), kind)


@pytest.fixture(params=["start", "poll"])
def ask(request, api, keep):
    if request.param == "start":
        return lambda: _start(api, keep)
    return lambda: api.poll("", Dialect.PATH, JOB_ID, keep)


def test_paid_post_and_poll_are_tried_again_only_where_nothing_was_sent(ask, transport):
    transport.answers = [Unreachable("x"), Unclear("y"), Answer(202)]

    assert ask() == Lost("y")
    assert len(transport.asked) == 2
    # All tries share one deadline.
    assert transport.bounds[0] is transport.bounds[1]


def test_request_that_never_was_sent_is_unsent_after_three_tries(ask, transport):
    transport.answers = [Unreachable("x")] * 4

    assert ask() == Unsent("x")
    assert len(transport.asked) == 3


def _words(secrets):
    return _json(400, {"Code": 4000, "Message": f"of {' and '.join(secrets)}"})


def test_start_hides_what_it_has_sent_where_the_service_quotes_it(api, transport, keep):
    webhook = "https://a.example/w/s1gnature"
    transport.answers = [_words([JOB_ID, FILE_ID, "s1gnature", transport.secrets[0]])]

    outcome = _start(api, keep, webhook=webhook)
    assert outcome == Failed(400, 4000, "of … and … and … and …")


def test_poll_hides_what_the_conversion_was_started_with(api, transport, keep):
    params = {"UserPassword": "hush-hush", "File": FILE_ID, "Pages": "pages"}
    transport.answers = [_words([JOB_ID, FILE_ID, "hush-hush", transport.secrets[0], "pages"])]

    outcome = api.poll("", Dialect.PATH, JOB_ID, keep, params=params)
    assert outcome == Failed(400, 4000, "of … and … and … and … and pages")


DELETES = {
    "job": (
        lambda api: api.delete_job(HOST, Dialect.QUERY, JOB_ID),
        (("DELETE", f"/job/{JOB_ID}"), {"base_url": HOST, "sender": Sender.ACCOUNT}),
    ),
    "file": (
        lambda api: api.delete_file(f"{HOST}/d/{JOB_ID}"),
        (("DELETE", ""), {"base_url": f"{HOST}/d/{JOB_ID}"}),
    ),
}


@pytest.mark.parametrize("what", DELETES)
@pytest.mark.parametrize(("status", "was_there"), [(200, True), (204, True), (404, False)])
def test_deletion_tells_whether_it_was_there(*, api, transport, what, status, was_there):
    delete, asked = DELETES[what]
    transport.answers = [Answer(status)]

    assert delete(api) is was_there
    assert transport.asked == [asked]


@pytest.mark.parametrize("what", DELETES)
def test_refused_deletion_is_raised_without_the_id_and_not_repeated(api, transport, what):
    transport.answers = [_words([JOB_ID])]
    with pytest.raises(Refused) as raised:
        DELETES[what][0](api)

    assert raised.value.message == "of …"


CALLS = {
    **{what: delete for what, (delete, _) in DELETES.items()},
    "upload": lambda api: api.upload("a", _opened),
    "user": lambda api: api.user(),
}


@contextmanager
def _opened():
    yield "opened"


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_harmless_call_with_an_unclear_end_is_tried_again(api, transport, call):
    transport.answers = [Unclear("x"), _json(200, {"FileId": FILE_ID})]

    assert call(api)
    assert len(transport.asked) == 2


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_call_that_is_to_come_later_is_not_tried_again(api, transport, call):
    transport.answers = [Answer(503, retry_after_s=7.0)]
    with pytest.raises(ComeLater) as raised:
        call(api)

    assert raised.value.retry_after_s == 7.0


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_unexpected_error_of_a_call_is_unclear(api, transport, call):
    transport.answers = [KeyError("hush")]
    with pytest.raises(Unclear, match="KeyError"):
        call(api)


def test_upload_tells_its_name_and_has_the_transfers_time(api, transport):
    transport.answers = [_json(200, {"FileId": FILE_ID})]

    assert api.upload("ä/\ud800.docx", _opened) == FILE_ID
    disposition = "attachment; filename*=UTF-8''%C3%A4%2F%3F.docx"
    assert transport.asked == [("/upload", disposition, 900.0)]


@pytest.mark.parametrize("body", [{}, {"FileId": "../x"}, {"FileId": None}, []], ids=str)
def test_upload_without_a_file_id_is_unclear(api, transport, body):
    transport.answers = [_json(200, body)]
    with pytest.raises(Unclear, match="without a FileId"):
        api.upload("a.docx", _opened)


def test_account_is_read_under_its_owners_secret(api, transport):
    transport.answers = [_json(200, {"Active": True, "ConversionsTotal": 9})]

    assert api.user() == Account(active=True, conversions_total=9, conversions_consumed=0)
    assert transport.asked == [(("GET", "/user"), {"sender": Sender.OWNER})]


def test_download_hands_on_where_to_go_on(api, transport):
    file = Download(iter(()), start=0, size=None, tag="", is_plain=True, is_framed=True)
    transport.answers = [file, file]
    with api.download("u", 5, "t") as came:
        assert came is file
    with api.download("u"):
        pass

    assert transport.asked == [("u", 5, "t"), ("u", 0, "")]


def test_download_that_is_refused_hides_what_opens_the_file(api, transport):
    transport.answers = [_words([JOB_ID])]
    with pytest.raises(Refused) as raised, api.download(f"{HOST}/d/{JOB_ID}"):
        pass

    assert raised.value.message == "of …"


@pytest.mark.parametrize("status", [202, 204])
def test_download_that_brings_no_file_is_unclear(api, transport, status):
    transport.answers = [Answer(status)]
    with pytest.raises(Unclear, match=f"answered with HTTP {status}"), api.download("u"):
        pass


def test_host_of_new_jobs_is_the_transports(api):
    assert api.base_url == HOST
