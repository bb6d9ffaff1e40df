"""What an ended conversion leaves in the storage is removed, where it is the right storage."""

from __future__ import annotations

import pytest

from conveyor.domain.conversion import State
from conveyor.domain.request import ConversionRequest
from conveyor.errors import StorageError
from tests.unit.workers.parts import entry_of
from workers.remnants import remove_remnants, remove_results

STAGED = "s3://bucket/staged/" + "0" * 32 + "/a.docx"
REQUEST = ConversionRequest.build([STAGED], "pdf", "docx")
PARTIALS = ("storage.remove_partials", {"conversion_id": "c1"})
SOURCES = ("storage.remove_staged", {"uris": (STAGED,)})
OTHERS = ("storage.remove_staged", {"uris": ("https://example.com/a.docx",)})
RESULTS = ("storage.remove_results", {"conversion_id": "c1"})
CHECK = ("marker.check", {"anew": False})


@pytest.mark.parametrize(
    ("fields", "done"),
    [
        ({"state": State.SUCCEEDED}, [CHECK, SOURCES]),
        ({"state": State.SUCCEEDED, "deliveries": 2}, [CHECK, PARTIALS, SOURCES]),
        ({"state": State.SUCCEEDED, "deliveries": 1}, [CHECK, SOURCES]),
        ({"state": State.SUCCEEDED, "shared": True}, []),
        ({"state": State.SUCCEEDED, "shared": True, "deliveries": 2}, [CHECK, PARTIALS]),
        ({"state": State.FAILED}, []),
        ({"state": State.EXPIRED}, []),
        ({"state": State.FAILED, "deliveries": 1}, []),
        ({"state": State.FAILED, "deliveries": 2}, [CHECK, PARTIALS]),
        ({"state": State.CANCELLED}, [CHECK, SOURCES, RESULTS]),
        ({"state": State.CANCELLED, "shared": True}, [CHECK, RESULTS]),
        ({"state": State.CANCELLED, "deliveries": 2}, [CHECK, PARTIALS, SOURCES, RESULTS]),
        ({"state": State.SUCCEEDED, "request": None}, []),
        ({"state": State.CANCELLED, "request": None}, [CHECK, OTHERS, RESULTS]),
    ],
)
def test_storage_is_asked_for_what_can_be_there_alone(*, rig, fields, done):
    request = REQUEST if "request" not in fields else entry_of().request
    remove_remnants(rig.services, entry_of(**{**fields, "request": request}))

    assert rig.did == done


@pytest.mark.parametrize(
    ("state", "shared", "is_given_back"),
    [
        (State.SUCCEEDED, False, True),
        (State.CANCELLED, False, True),
        (State.CANCELLED, True, False),
        (State.FAILED, False, False),
    ],
)
def test_worker_with_another_storage_leaves_the_removal_to_others(
    *, rig, state, shared, is_given_back
):
    rig.marker.answers["check"] = StorageError("Not ours.")
    entry = entry_of(state=state, shared=shared, deliveries=2, request=REQUEST)
    remove_remnants(rig.services, entry)

    assert rig.did == [CHECK, *[("staging.give_back", {"uris": (STAGED,)})] * is_given_back]


def test_source_that_can_not_be_removed_is_left_to_the_cleaner(rig):
    rig.storage.answers["remove_staged"] = False
    remove_remnants(rig.services, entry_of(state=State.SUCCEEDED, request=REQUEST))

    assert rig.did == [CHECK, SOURCES, ("staging.give_back", {"uris": (STAGED,)})]


def test_results_that_can_not_be_removed_keep_nobody_from_the_outcome(rig):
    rig.storage.answers["remove_results"] = StorageError("away")
    remove_results(rig.services, "c1")

    assert rig.did == [RESULTS]
