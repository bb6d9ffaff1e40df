from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.domain.callback import CHANGES, ENDS, Callback
from conveyor.errors import InvalidRequest


@pytest.mark.parametrize(
    ("given", "url", "receiver"),
    [
        ("https://shop.example/hooks", "https://shop.example/hooks", "shop.example:443"),
        ("HTTPS://Shop.Example", "https://shop.example/", "shop.example:443"),
        ("https://shop.example:443/a", "https://shop.example/a", "shop.example:443"),
        ("https://shop.example:8443/a?b=1", "https://shop.example:8443/a?b=1", "shop.example:8443"),
        ("http://127.0.0.1:3000/hook", "http://127.0.0.1:3000/hook", "127.0.0.1:3000"),
        ("https://[2001:DB8::1]/a", "https://[2001:db8::1]/a", "2001:db8::1:443"),
        (
            "https://bücher.example/ä",
            "https://xn--bcher-kva.example/%C3%A4",
            "xn--bcher-kva.example:443",
        ),
    ],
)
def test_address_has_one_form(given, url, receiver):
    callback = Callback(given)

    assert (callback.url, callback.receiver, callback.events) == (url, receiver, ENDS)
    assert Callback(callback.url) == callback


@pytest.mark.parametrize(
    "url",
    [
        *("", "shop.example/hooks", "ftp://shop.example/", "https://", "https:///hooks"),
        *(
            "https://user@shop.example/",
            "https://user:hush@shop.example/",
            "https://@shop.example/",
        ),
        *("https://shop.example:0/", "https://shop.example:99999/", "https://shop.example:x/"),
        *("https://shop.example/#part", "https://shop.example/a#", "https://[x", "https://a..b/"),
        *(
            "https://a\\@b/",
            "https://shop.example/a b",
            "https://shop.example/\n",
            "https://fa\xdf.de/",
        ),
        *(
            "https://[fe80::1%25eth0]/",
            "https://shop.example/" + "a" * 2000,
            "https://%31.example/",
        ),
    ],
)
def test_address_that_can_not_be_called_is_refused(url):
    with pytest.raises(InvalidRequest, match=r"callback") as refused:
        Callback(url)

    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "value", [{}, {"events": "ends"}, {"url": "https://a.b/", "x": 1}, 1, None]
)
def test_other_values_are_no_callback(value):
    with pytest.raises(InvalidRequest):
        Callback.of(value)


def test_unknown_events_are_refused():
    with pytest.raises(InvalidRequest, match="events"):
        Callback("https://shop.example/", "sometimes")


@pytest.mark.parametrize(
    "value",
    [
        {"url": "https://shop.example/h", "events": CHANGES},
        Callback("https://shop.example/h", CHANGES),
    ],
)
def test_callback_is_read_in_each_form(value):
    assert Callback.of(value).plain() == {"url": "https://shop.example/h", "events": "changes"}


def test_shown_address_has_neither_path_nor_query():
    assert Callback("https://shop.example/hush?token=hush").redacted == "https://shop.example/…"


@given(st.text())
def test_any_text_is_a_callback_or_refused(text):
    try:
        callback = Callback(f"https://shop.example/{text}")
    except InvalidRequest:
        return
    assert callback.url.isascii()
    assert len(callback.notify.split(" ")) == 3
