"""What a caller wants beside a conversion lies in its entry, and is read back with it."""

from __future__ import annotations

import asyncio

import pytest

from conveyor import Conversion, InvalidRequest
from conveyor.domain.terms import Terms

URL = "https://example.com/files/a.docx?signature=hunter2"
METADATA = {"order": "4711", "shop": 3, "gift": True}


def test_metadata_and_source_name_come_back_with_the_conversion(conveyor, ledger):
    handle = conveyor.convert(URL, to="pdf", metadata=METADATA, deadline=3600)

    conversion = handle.get()
    assert (conversion.metadata, conversion.source_name) == (METADATA, "a.docx")
    assert ledger.get(handle.id).terms == Terms.of(METADATA, 3600)
    assert Conversion.from_dict(conversion.to_dict()) == conversion


def test_async_convert_takes_the_same_terms(conveyor):
    handle = asyncio.run(conveyor.aconvert(URL, "pdf", metadata=METADATA, deadline=60))

    assert handle.get().metadata == METADATA


def test_conversion_without_terms_has_no_field_for_them(conveyor, ledger, client):
    handle = conveyor.convert(URL, to="pdf")

    assert handle.get().metadata == {}
    assert not client.hexists(ledger._keys.conversion(handle.id), "terms")


def test_local_file_is_called_by_its_own_name(conveyor, tmp_path):
    path = tmp_path / "Angebot Müller.docx"
    path.write_bytes(b"x")

    assert conveyor.convert(path, to="pdf").get().source_name == "Angebot Müller.docx"


def test_repeated_key_keeps_the_first_calls_terms(conveyor):
    first = conveyor.convert(URL, "pdf", idempotency_key="k", metadata={"order": 1})
    second = conveyor.convert(URL, "pdf", idempotency_key="k", metadata={"order": 2}, deadline=5)

    assert second.id == first.id
    assert second.get().metadata == {"order": 1}


def test_wrong_terms_are_refused_before_anything_is_stored(conveyor, client):
    with pytest.raises(InvalidRequest, match="The metadata order"):
        conveyor.convert(URL, "pdf", metadata={"order": None})
    with pytest.raises(InvalidRequest, match="deadline"):
        conveyor.signature(URL, to="pdf", deadline=-1)

    assert not client.keys("*conversion:*")


def test_signature_carries_its_terms_in_its_message(conveyor):
    plain = conveyor.signature(URL, to="pdf", metadata=METADATA, deadline=60).kwargs["terms"]

    assert Terms.from_plain(plain) == Terms.of(METADATA, 60)
    assert "terms" not in conveyor.signature(URL, to="pdf").kwargs
