from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.domain.redaction import describe_call, redact_server_url, redact_text, redact_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.com/hush/a.docx?token=hush#hush", "https://example.com/…"),
        ("https://user:hush@example.com:8443/a", "https://example.com/…"),
        ("s3://bucket/hush.docx", "s3://bucket/…"),
        ("file:///home/hush/a.docx", "file:///…"),
        ("0123456789abcdefghijklmnopqrhush", "…"),
        ("hush.docx", "…"),
        ("data:text/plain,hush", "…"),
        ("", "…"),
        ("http://[x", "…"),
        ("https://a@b@c/hush", "https://c/…"),
    ],
    ids=str,
)
def test_a_documents_url_shows_where_and_not_what(url, shown):
    assert redact_url(url) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hush@host:6379/0", "redis://host:6379/0"),
        ("rediss://user:hush@host/1?password=hush", "rediss://host/1"),
        ("redis://host", "redis://host"),
        ("redis://:hush@host:port/0", "redis://host/0"),
        ("unix:///run/redis.sock?password=hush", "unix:///run/redis.sock"),
        ("redis://:hush@[x", "…"),
        (
            "sentinel://:hush@a:1,b:2/shop/0?sentinel_password=hush",
            "sentinel://a:1,b:2/shop/0",
        ),
        ("sentinel://:hush@a:1,b:2", "…"),
    ],
    ids=str,
)
def test_a_servers_url_shows_its_address_alone(url, shown):
    assert redact_server_url(url) == shown


def test_a_call_shows_names_of_parameters_and_no_values():
    shown = describe_call(
        ["https://e.com/a?hush", "s3://b/hush"], "pdf", {"Password": "hush", "A": "hush"}
    )

    assert shown == (
        "{'source': 'https://e.com/…, s3://b/…', 'to': 'pdf', 'params': ['A', 'Password']}"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("File: https://a.example/x?token=1 is gone.", "File: https://a.example/… is gone."),
        ("'http://127.0.0.1:8080/webhooks/c1/sig'", "'http://127.0.0.1/…'"),
        ("s3://bucket/key, and no more", "s3://bucket/… and no more"),
        ("Nothing: to / hide", "Nothing: to / hide"),
        ("at http://[x/hush now", "at http://… now"),
        ("at HTTPS://a.example/hush", "at https://a.example/…"),
        (r"at https:\/\/a.example\/hush", "at https://…"),
        ("at https%3A%2F%2Fa.example%2Fhush", "at https://…"),
    ],
)
def test_foreign_text_is_shown_without_urls(text, shown):
    assert redact_text(text) == shown


@given(st.text(st.characters(codec=None)) | st.text("htps:/[]@%\\.x1").map("http://{}".format))
def test_any_text_is_redacted_without_raising(text):
    redact_url(text)
    redact_text(text)
    redact_server_url(text)
    describe_call([text], "pdf", [text])
