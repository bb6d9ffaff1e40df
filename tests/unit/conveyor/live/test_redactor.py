"""No secret that was planted survives: not in a word, a header, a key, an error, nor encoded."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.live.answers import Answer, Silence
from conveyor.live.known_secrets import KnownSecrets
from conveyor.live.redactor import Redactor
from conveyor.live.tape import Taken, Tape

SECRET = "s3cr3t-K9xQ"
JOB = "d3bd2056-4330-4cf3-9b18-483a2412dd6b"
FILE = "0123456789abcdef0123456789abcdef"
PLANTED = {
    "secret": SECRET,
    "job": JOB,
    "file": FILE,
    "account secret": "hushhushhush",
    "e-mail": "jane.doe@example.org",
    "name": "Jane Doering",
    "balance": "734512",
}
USER = {
    "Secret": PLANTED["account secret"],
    "Email": PLANTED["e-mail"],
    "FullName": PLANTED["name"],
    "ConversionsTotal": int(PLANTED["balance"]),
    "Active": True,
}

ENCODINGS = {
    "plain": lambda text: text,
    "upper": str.upper,
    "within a word": lambda text: f"xx{text}yy",
    "in a path": lambda text: f"https://v2.convertapi.com/d/{text}/x",
    "in a query": lambda text: f"/job?Secret={quote(text)}&x=1",
    "url": lambda text: quote(text, safe=""),
    "url, each letter": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "url twice": lambda text: quote("".join(f"%{byte:02x}" for byte in text.encode())),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of user and password": lambda text: base64.b64encode(f"u:{text}".encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(f"??{text}>>".encode()).decode(),
    "base64 glued to a word": lambda text: "ab" + base64.b64encode(text.encode()).decode(),
    "base64 without its padding": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64 in lines": lambda text: "\n".join(
        base64.b64encode(f"some more {text} and more".encode()).decode()[at : at + 16]
        for at in range(0, 60, 16)
    ),
    "base64 of URL-encoded": lambda text: base64.b64encode(quote(f" {text}").encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "html": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "html names": lambda text: html.escape(f"<b>{text}</b>"),
    "json escapes": lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    "angle brackets": lambda text: f"<{text}>",
}


def recorded(*replies, secrets=(SECRET,)):
    tape = Tape(secrets)
    tape.note_id(JOB, "job-id")
    tape.note_id(FILE, "file-id")
    for path, reply in replies:
        tape.note(Taken(label="x", method="GET", path=path, reply=reply))
    return tape.redacted()


def answer(body, headers=None, status=500):
    kind = {"content-type": "application/json"}
    return Answer(status, {**kind, **(headers or {})}, json.dumps(body).encode())


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_secret_does_not_survive(planted, encoding):
    shown = ENCODINGS[encoding](PLANTED[planted])
    exchanges = recorded(
        # What gives it away comes last: all is learned before anything is shown.
        ("/job/{job}", answer({"Code": 5001, "Message": f"Failed: {shown} was wrong"})),
        ("/job/{job}", answer({"Code": 4000, "InvalidParameters": {"File": [shown]}})),
        ("/job/{job}", answer({shown: 1, "Other": shown, "Files": [{"Url": shown}]}, status=200)),
        ("/job/{job}", Answer(502, {"content-type": "text/html"}, f"<p>{shown}</p>".encode())),
        ("/job/{job}", Answer(200, {"content-type": "text/plain"}, shown.encode())),
        ("/d/{file}", answer({"FileName": shown}, {"content-disposition": f"a; filename={shown}"})),
        ("/d/{file}", Answer(302, {"location": shown, "www-authenticate": shown, "x-id": shown})),
        ("/user", answer(USER, status=200)),
    )
    text = json.dumps([exchange.body for exchange in exchanges])
    text += json.dumps([exchange.headers for exchange in exchanges])
    assert PLANTED[planted].lower() not in text.lower()
    if encoding != "within a word" and len(shown) > 8:
        assert shown.lower() not in text.lower()
    assert "Failed" in text or encoding == "base64 in lines"


@given(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.", min_size=8, max_size=40),
    st.text(max_size=20),
    st.text(max_size=20),
    st.sampled_from(sorted(ENCODINGS)),
)
def test_no_secret_survives_whatever_stands_around_it(secret, before, after, encoding):
    known = KnownSecrets([secret])
    shown = Redactor(known).text(f"{before} {ENCODINGS[encoding](secret)} {after}")
    assert not known.leaks({"Message": shown, shown: shown})
    assert secret.strip().casefold() not in shown.casefold().replace("<secret-1>", "")


def test_an_id_has_the_same_name_throughout():
    first, second = recorded(
        ("/async/convert", answer({"JobId": JOB}, status=200)),
        ("/job/{job}", answer({"Message": f"{JOB.replace('-', '')} or {JOB} is gone", "Code": 1})),
    )
    assert first.body == {"JobId": "<job-id-1>"}
    assert second.body["Message"] == "<job-id-1> or <job-id-1> is gone"


def test_the_form_of_a_result_is_kept():
    file = {"FileName": "a.pdf", "FileExt": "pdf", "FileSize": 7002, "FileId": FILE}
    url = f"https://eu-v2.convertapi.com/d/{FILE}"
    body = {"ConversionCost": 1, "Files": [{**file, "Url": url}], "New": [1.5, "x"]}
    (shown,) = recorded(("/job/{job}", answer(body, status=200)))
    assert shown.body == {
        "ConversionCost": 1,
        "Files": [
            {**file, "FileId": "<file-id-1>", "Url": "https://eu-v2.convertapi.com/d/<file-id-1>"}
        ],
        "New": ["<number>", "<text>"],
    }


def test_of_the_account_only_the_names_of_its_fields_are_kept():
    (shown,) = recorded(("/user", answer(USER, status=200)))
    assert shown.body == {
        "Secret": "<text>",
        "Email": "<text>",
        "FullName": "<text>",
        "ConversionsTotal": "<number>",
        "Active": True,
    }


def test_an_errors_own_words_are_kept():
    (shown,) = recorded(("/user", answer({"Code": 4011, "Message": "Invalid user credentials."})))
    assert shown.body == {"Code": 4011, "Message": "Invalid user credentials."}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Call 192.168.7.20 or jane@example.org", "Call <address> or <email>"),
        ("at 2001:db8::8a2e:370:7334 now", "at <address> now"),
        ("You have 12345 left, wait 5 s", "You have <number> left, wait 5 s"),
        ("token eyJhbGciOiJIUzI1NiJ9 is bad", "token <token> is bad"),
        ("see https://files.example.com/a?b=c#d", "see https://another/<path>"),
        ("see http://[x", "see https://another/<path>"),
        ("cut \ud800 here", "cut ? here"),
    ],
)
def test_likely_secrets_and_names_are_hidden(text, shown):
    assert Redactor(KnownSecrets([])).text(text) == shown


def test_bytes_and_silence_are_words():
    data, gone = recorded(
        ("/d/{file}", Answer(200, {"content-type": "application/pdf"}, b"%PDF" + SECRET.encode())),
        ("/job/{job}", Silence("no answer in time")),
    )
    assert data.body == "<data>"
    assert (gone.status, gone.silence) == (0, "no answer in time")


def test_a_deep_answer_is_bounded():
    (shown,) = recorded(("/job/{job}", Answer(200, {}, b"[" * 100_000)))
    assert shown.body == "<data>"


def test_of_a_query_only_harmless_values_are_kept():
    tape = Tape([SECRET])
    query = {"Async": "true", "JobId": JOB, "WebHook": "https://shop.example.com/x"}
    tape.note(Taken(label="x", method="POST", path="/p", query=query, reply=Silence("gone")))
    (shown,) = tape.redacted()
    assert shown.query == {"Async": "true", "JobId": "<text>", "WebHook": "<text>"}
