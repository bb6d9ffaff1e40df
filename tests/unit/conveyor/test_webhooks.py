from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.webhooks import address_of, is_genuine

BASE = "https://shop.example.com/webhooks"
KEY = "0123456789abcdef"


def _signature(conversion_id, key=KEY):
    return address_of(BASE, key, conversion_id).rpartition("/")[2]


@given(st.uuids().map(str))
def test_an_address_is_genuine_for_its_own_conversion_alone(conversion_id):
    signature = _signature(conversion_id)

    assert address_of(BASE, KEY, conversion_id) == f"{BASE}/{conversion_id}/{signature}"
    assert is_genuine(KEY, conversion_id, signature)
    assert not is_genuine(KEY, str(uuid4()), signature)
    assert not is_genuine("another key, as long", conversion_id, signature)


@given(st.text())
def test_other_values_are_not_a_signature(text):
    assert not is_genuine(KEY, "c1", text.replace(_signature("c1"), ""))


@pytest.mark.parametrize("name", ["a/b", "a", ""])
def test_an_id_can_not_be_moved_into_the_signature(name):
    assert _signature(name) != _signature(f"{name}/")


def test_the_signature_can_not_be_guessed():
    assert len(_signature("c1")) == 43  # 256 bits
