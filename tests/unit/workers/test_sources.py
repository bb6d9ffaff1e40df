"""Attachments that only a worker can read are uploaded once, and noted."""

from __future__ import annotations

import pytest

from conveyor.convertapi.errors import ComeLater, Refused, Unreachable
from conveyor.domain import rules
from conveyor.domain.conversion import FailureKind, State
from conveyor.domain.deletion import Deletion
from conveyor.domain.request import ConversionRequest
from conveyor.errors import InvalidRequest, StorageError
from conveyor.storage.marker import OtherStorage
from tests.unit.workers.parts import NOW, entry_of
from workers.sources import bring_sources, failure_of_source

A, B = "s3://bucket/a.docx", "s3://bucket/b.docx"
STAGED = "s3://elsewhere/staged/" + "0" * 31 + "f/a.docx"
PLACE = {"uploads_host": "https://eu-v2.convertapi.com", "uploads_account": "shop"}
NOTED = entry_of(note="noted")


@pytest.fixture
def uploads(rig):
    """Have the service take files; their ids are their names."""
    rig.api.answers["upload"] = lambda name, open_stream: f"id of {name}"
    rig.ledger.answers["uploaded"] = NOTED
    rig.storage.answers["contains"] = False


def _entry(*sources, **fields):
    request = ConversionRequest.build(list(sources), "pdf", "docx")
    return entry_of(request=request, uploads_host="", **fields)


def test_what_the_service_reads_itself_is_not_uploaded(rig):
    entry = entry_of()

    assert bring_sources(rig.services, entry) is entry
    assert rig.did == []


def test_sources_are_uploaded_in_their_order_and_noted_once(rig, uploads):
    entry = _entry(A, "https://example.com/x.docx", B)

    assert bring_sources(rig.services, entry) is NOTED
    assert [given["name"] for given in rig.given("api.upload")] == ["a.docx", "b.docx"]
    assert rig.the("ledger.uploaded") == {
        "entry": entry,
        "uploads": {"0": "id of a.docx", "2": "id of b.docx"},
        "host": "https://eu-v2.convertapi.com",
        "account": "shop",
        "anew": True,
    }


def test_upload_streams_what_lies_at_its_address(rig, uploads):
    rig.storage.answers["open_source"] = "a stream"
    bring_sources(rig.services, _entry(A))

    assert rig.the("api.upload")["open_stream"]() == "a stream"
    assert rig.the("storage.open_source") == {"uri": A}


def test_conversion_that_has_moved_on_keeps_its_entry(rig, uploads):
    rig.ledger.answers["uploaded"] = None
    entry = _entry(A)

    assert bring_sources(rig.services, entry) is entry


KNOWN = {"uploads": {"0": "old"}, **PLACE}
LIFE_S = rules.FILE_LIFE_S - 1800


@pytest.mark.parametrize(
    ("changed", "uploaded", "anew"),
    [
        ({"uploaded_at": NOW - LIFE_S + 1}, ["b.docx"], False),
        ({"uploaded_at": NOW - LIFE_S}, ["a.docx", "b.docx"], True),
        ({"uploads_host": "https://us-v2.convertapi.com"}, ["a.docx", "b.docx"], True),
        ({"uploads_account": "other"}, ["a.docx", "b.docx"], True),
    ],
    ids=["fresh", "nearly as old as the service keeps it", "at another host", "of another account"],
)
def test_earlier_uploads_are_used_while_the_service_has_them(
    *, rig, uploads, changed, uploaded, anew
):
    request = ConversionRequest.build([A, B], "pdf", "docx")
    bring_sources(
        rig.services, entry_of(request=request, **{"uploaded_at": NOW, **KNOWN, **changed})
    )

    assert [given["name"] for given in rig.given("api.upload")] == uploaded
    given = rig.the("ledger.uploaded")
    assert given["anew"] is anew
    assert given["uploads"] == {"0": "id of a.docx" if anew else "old", "1": "id of b.docx"}


def test_conversion_with_all_its_uploads_uploads_nothing(rig, uploads):
    request = ConversionRequest.build([A], "pdf", "docx")
    entry = entry_of(request=request, uploaded_at=NOW, **KNOWN)

    assert bring_sources(rig.services, entry) is entry
    assert rig.did == []


def test_upload_that_fails_keeps_those_before_it(rig, uploads):
    def upload(name, **_):
        if name == "b.docx":
            raise Unreachable("no route")
        return "id"

    rig.api.answers["upload"] = upload
    with pytest.raises(Unreachable):
        bring_sources(rig.services, _entry(A, B))

    assert rig.the("ledger.uploaded")["uploads"] == {"0": "id"}


def test_first_upload_that_fails_notes_nothing(rig, uploads):
    rig.api.answers["upload"] = Unreachable("no route")
    with pytest.raises(Unreachable):
        bring_sources(rig.services, _entry(A, B))

    assert rig.given("ledger.uploaded") == []


@pytest.mark.parametrize(
    ("source", "lies_here", "checks"), [(A, False, 0), (A, True, 1), (STAGED, False, 1)]
)
def test_storage_is_compared_before_what_lies_in_one_is_read(
    *, rig, uploads, source, lies_here, checks
):
    rig.storage.answers["contains"] = lies_here
    bring_sources(rig.services, _entry(source))

    assert rig.names("marker", "api") == [*["marker.check"] * checks, "api.upload"]
    assert rig.given("marker.check") == [{"anew": False}] * checks


def test_storage_that_is_not_the_one_in_use_is_not_read(rig, uploads):
    rig.storage.answers["contains"] = True
    rig.marker.answers["check"] = OtherStorage("Not ours.")
    with pytest.raises(OtherStorage):
        bring_sources(rig.services, _entry(A))

    assert rig.given("api.upload") == []


@pytest.mark.parametrize(
    ("source", "lies_here", "error"),
    [(A, False, InvalidRequest), (A, True, InvalidRequest), (STAGED, False, OtherStorage)],
)
def test_missing_source_is_the_documents_fault_where_its_storage_is_ours(
    *, rig, uploads, source, lies_here, error
):
    rig.storage.answers["contains"] = lies_here
    rig.api.answers["upload"] = InvalidRequest("No such file.")
    with pytest.raises(error) as raised:
        bring_sources(rig.services, _entry(source))

    assert type(raised.value) is error
    assert rig.given("marker.check") == (
        [{"anew": False}, {"anew": True}] if lies_here or source is STAGED else []
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("It is empty."), FailureKind.INPUT),
        (Refused(400, 4000, "No such file."), FailureKind.INPUT),
        (Refused(401, 4010, "No such secret."), FailureKind.ACCOUNT),
        (Refused(500, 5000, "Broken."), FailureKind.SERVICE),
    ],
)
def test_error_that_another_try_does_not_mend_is_a_failure(error, kind):
    failure = failure_of_source(error)

    assert failure.kind is kind
    assert str(getattr(error, "message", error)).rstrip(".") in failure.message
    assert (failure.status, failure.code) == (
        getattr(error, "status", 0),
        getattr(error, "code", 0),
    )


@pytest.mark.parametrize("error", [Unreachable("away"), StorageError("away"), ComeLater(503)])
def test_error_that_another_try_may_mend_is_none(error):
    assert failure_of_source(error) is None


@pytest.mark.parametrize(
    ("current", "deletion", "is_left"),
    [
        (entry_of(state=State.CANCELLED), None, True),
        (None, Deletion("c1", NOW), True),
        (None, None, False),
        (entry_of(state=State.CONVERTING), None, False),
    ],
    ids=["cancelled", "deleted", "lost", "another turn"],
)
def test_uploads_of_a_conversion_that_is_unwanted_by_now_are_deleted(
    *, rig, uploads, current, deletion, is_left
):
    rig.ledger.answers.update(uploaded=None, find=current, deletion=deletion)
    bring_sources(rig.services, _entry(A))
    left = [given["leftovers"] for given in rig.given("leftovers.add")]

    urls = [[leftover.url for leftover in each] for each in left]
    assert urls == [["https://eu-v2.convertapi.com/d/id%20of%20a.docx"]] * is_left
