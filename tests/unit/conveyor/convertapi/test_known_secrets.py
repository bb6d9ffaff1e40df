"""What of a request is secret, so that no answer may show it."""

from __future__ import annotations

import pytest

from conveyor.convertapi.known_secrets import secrets_in, signature_of, tokens_in

FILE_ID = "f11e1d0123456789f11e1d0123456789"


@pytest.mark.parametrize(
    ("webhook", "signature"),
    [("https://a.example/hooks/c1/sign", ("sign",)), ("sign", ("sign",)), ("", ())],
)
def test_last_part_of_a_webhook_is_its_signature(webhook, signature):
    assert signature_of(webhook) == signature


def test_passwords_and_file_ids_of_a_form_are_secret():
    form = {
        "UserPassword": "p1",
        "OWNERPASSWORD": "p2",
        "ClientSecret": "s",
        "AuthToken": "t",
        "File": FILE_ID,
        "Files[0]": FILE_ID[:-1],
        "Files[1]": f"{FILE_ID}x",
        "Url": "https://e.example/a.docx",
        "StoreFile": "true",
    }

    assert list(secrets_in(form)) == ["p1", "p2", "s", "t", FILE_ID]


@pytest.mark.parametrize(
    ("url", "tokens"),
    [
        (f"https://v2.convertapi.com/d/{FILE_ID}/a.pdf", [FILE_ID]),
        ("https://v2.convertapi.com/d/a?key=0123456789abcdef&b=c", ["0123456789abcdef"]),
        ("https://v2.convertapi.com/d/0123456789abcde", []),
        ("https://a-host-of-a-very-long-name.example/d/a#b", []),
        ("https://v2.convertapi.com", []),
    ],
)
def test_long_words_behind_the_host_open_a_file(url, tokens):
    assert tokens_in(url) == tokens
