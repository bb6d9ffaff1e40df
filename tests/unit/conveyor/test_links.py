"""A link's signature binds the conversion, the file and the end."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from conveyor.links import address_of, is_genuine
from conveyor.webhooks import address_of as webhook_of

KEY, URL = "key-of-the-links", "https://files.shop.example"


def _parts(link):
    parts = urlsplit(link)
    query = parse_qs(parts.query)
    _, _, conversion_id, name = parts.path.split("/")
    return unquote(conversion_id), unquote(name), int(query["expires"][0]), query["signature"][0]


@pytest.mark.parametrize(
    ("conversion_id", "name"),
    [("c1", "a.pdf"), ("a/b?c#d", "100% Ä & ü?#.pdf"), ("x y", "..."), ("ü", "日本.pdf")],
)
def test_link_is_genuine_as_it_was_made(conversion_id, name):
    link = address_of(URL, KEY, conversion_id, name, 1795718916)

    assert link.startswith(f"{URL}/links/")
    assert _parts(link)[:3] == (conversion_id, name, 1795718916)
    assert is_genuine(KEY, *_parts(link))


@pytest.mark.parametrize(
    "changed",
    [
        {"key": "another-key-of-links"},
        {"conversion_id": "c2"},
        {"name": "b.pdf"},
        {"expires": 6},
        {"signature": ""},
        {"signature": "ü"},
        {"signature": "\ud800"},
        # The same letters in other fields.
        {"conversion_id": 'c1", "a', "name": ".pdf"},
    ],
)
def test_changed_link_is_not_genuine(changed):
    link = address_of(URL, KEY, "c1", "a.pdf", 5)
    conversion_id, name, expires, signature = _parts(link)
    given = {
        "key": KEY,
        "conversion_id": conversion_id,
        "name": name,
        "expires": expires,
        "signature": signature,
    }

    assert not is_genuine(**{**given, **changed})


def test_webhooks_key_signs_no_link():
    webhook = webhook_of(URL, KEY, '["c1", "a.pdf", 5]').rpartition("/")[2]
    assert not is_genuine(KEY, "c1", "a.pdf", 5, webhook)
