"""The files of a result are fetched once each, noted, and all of them make the conversion end."""

from __future__ import annotations

import pytest
from celery.exceptions import Ignore

from conveyor.convertapi.errors import Unclear
from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.conversion import State, StoredFile
from conveyor.domain.deletion import Deletion
from conveyor.errors import StorageError
from conveyor.ledger.delivery_lease import Lease
from conveyor.storage.marker import OtherStorage
from tests.unit.workers.parts import NOW, entry_of
from workers import storing
from workers.downloads import Fetched
from workers.heartbeat import Work
from workers.storing import store

NOTED = entry_of(state=State.SUCCEEDED, note="noted")


def _remote(name, **fields):
    return RemoteFile(name, f"https://x/d/{name}", 3, **fields)


def _file(name):
    return StoredFile(name, f"file:///{name}", 3, "0" * 64)


class Seen(list):
    """Calls, what they raise by the file's name, and what they note of it."""

    def __init__(self):
        super().__init__()
        self.broken = {}
        self.notes = {}


@pytest.fixture
def fetched(monkeypatch):
    """What was fetched, in its order; a fetch of a name in `broken` raises what stands there."""

    seen = Seen()

    def fetch(*args, on_try):
        name = args[4]
        seen.append((*args, on_try))
        if name in seen.broken:
            raise seen.broken[name]
        return Fetched(_file(name), seen.notes.get(name, ""))

    monkeypatch.setattr(storing, "fetch", fetch)
    return seen


@pytest.fixture
def work():
    return Work("c1", "delivery", "lease", lambda: 0.0)


@pytest.fixture
def run(rig, work, fetched):
    rig.ledger.answers["succeeded"] = NOTED

    def do(*files, **fields):
        entry = entry_of(state=State.READY, result=Result(1, files), ready_at=NOW, **fields)
        return entry, store(rig.services, Lease(entry, "lease", rig.deliveries), work)

    return do


def test_files_are_fetched_in_their_order_and_noted(rig, run, fetched, work):
    fetched.notes = {"b.jpg": "longer than said", "c.jpg": "twice"}
    files = [_remote(f"{it}.jpg") for it in "abc"]
    entry, ended = run(*files)

    assert ended is NOTED
    api, storage, conversion_id, remote, name, most_bytes, on_try = fetched[0]
    assert (api, storage, conversion_id) == (rig.api, rig.storage, "c1")
    assert (remote, name, most_bytes) == (files[0], "a.jpg", 4_294_967_296)
    assert [it[4] for it in fetched] == ["a.jpg", "b.jpg", "c.jpg"]
    on_try()
    assert work._until == rig.services.most_file_s
    # The last is noted with the end.
    assert [(it["place"], it["file"]) for it in rig.given("ledger.stored")] == [
        (0, _file("a.jpg")),
        (1, _file("b.jpg")),
    ]
    assert all(it["entry"] is entry for it in rig.given("ledger.stored"))
    assert rig.the("ledger.succeeded") == {
        "entry": entry,
        "files": [_file("a.jpg"), _file("b.jpg"), _file("c.jpg")],
        "note": "b.jpg: longer than said c.jpg: twice",
        "delivery": "lease",
    }
    # Before the first and after the last file.
    assert rig.given("marker.check") == [{"anew": False}] * 2
    assert rig.given("deliveries.renew") == []


def test_storage_is_compared_before_and_after(rig, run):
    run(_remote("a.jpg"))

    assert rig.names("marker", "ledger") == ["marker.check", "marker.check", "ledger.succeeded"]


def test_files_of_one_name_are_stored_under_several(run, fetched):
    run(_remote("a.jpg"), _remote("A.jpg"), _remote("../a.jpg"))

    assert len({it[4].lower() for it in fetched}) == 3


def test_file_that_came_with_the_answer_keeps_its_name_and_is_not_fetched(rig, run, fetched):
    kept = RemoteFile("page.jpg", kept=_file("a.jpg"))
    run(_remote("a.jpg"), kept)

    assert [it[4] for it in fetched] == ["a-1.jpg"]
    assert [it["place"] for it in rig.given("ledger.stored")] == [0]
    assert rig.the("ledger.succeeded")["files"] == [_file("a-1.jpg"), _file("a.jpg")]


@pytest.mark.parametrize("is_there", [True, False])
def test_file_of_an_earlier_delivery_is_fetched_again_where_it_is_gone(
    *, rig, run, fetched, is_there
):
    rig.storage.answers["holds"] = is_there
    run(_remote("a.jpg"), _remote("b.jpg"), stored={0: _file("old.jpg")})

    assert [it[4] for it in fetched] == (["b.jpg"] if is_there else ["a.jpg", "b.jpg"])
    assert rig.the("storage.holds") == {"file": _file("old.jpg")}
    first = rig.the("ledger.succeeded")["files"][0]
    assert first == _file("old.jpg" if is_there else "a.jpg")


def test_conversion_without_files_has_succeeded(rig, run):
    _, ended = run()

    assert ended is NOTED
    given = rig.the("ledger.succeeded")
    assert (given["files"], given["note"]) == ([], "")


@pytest.mark.parametrize("is_ours", [True, False])
def test_end_that_is_not_noted_is_looked_at(rig, run, is_ours):
    current = entry_of(state=State.SUCCEEDED)
    rig.ledger.answers.update(succeeded=None, find=current)
    rig.deliveries.answers["renew"] = is_ours
    if is_ours:
        assert run(_remote("a.jpg"))[1] is current
    else:
        with pytest.raises(Ignore):
            run(_remote("a.jpg"))

    assert rig.the("ledger.find") == {"conversion_id": "c1"}
    assert rig.given("storage.remove_results") == []


@pytest.mark.parametrize("is_ours", [True, False])
def test_conversion_that_was_cancelled_meanwhile_keeps_no_results(rig, run, is_ours):
    rig.ledger.answers.update(succeeded=None, find=entry_of(state=State.CANCELLED))
    rig.deliveries.answers["renew"] = is_ours
    if is_ours:
        run(_remote("a.jpg"))
    else:
        with pytest.raises(Ignore):
            run(_remote("a.jpg"))

    assert rig.the("storage.remove_results") == {"conversion_id": "c1"}


@pytest.mark.parametrize("is_deleted", [True, False])
def test_conversion_that_is_gone_keeps_its_results_unless_it_was_deleted(rig, run, is_deleted):
    deletion = Deletion("c1", NOW) if is_deleted else None
    rig.ledger.answers.update(succeeded=None, deletion=deletion)
    rig.deliveries.answers["renew"] = True
    with pytest.raises(Ignore):
        run(_remote("a.jpg"))

    assert bool(rig.given("storage.remove_results")) is is_deleted


def _note(rig):
    return rig.the("ledger.deliver_later")["note"].removeprefix("the result could not be stored: ")


@pytest.mark.parametrize(
    ("error", "of_storage", "cause"),
    [
        (Unclear("cut"), OtherStorage("Not ours."), "cut"),
        (StorageError("No such folder."), OtherStorage("Not ours."), "Not ours."),
        (StorageError("Full."), StorageError("Can't be read."), "Full."),
        (StorageError("Full."), None, "Full."),
    ],
)
def test_fault_of_a_storage_that_is_another_by_now_has_that_cause(
    *, rig, run, fetched, error, of_storage, cause
):
    fetched.broken = {"a.jpg": error}

    def check(*, anew):
        if anew and of_storage is not None:
            raise of_storage

    rig.marker.answers["check"] = check
    with pytest.raises(Ignore):
        run(_remote("a.jpg"))

    assert _note(rig) == cause
    # The service's faults say nothing of the storage.
    anew = [given["anew"] for given in rig.given("marker.check")]
    assert anew == ([False] if isinstance(error, Unclear) else [False, True])


def test_result_that_can_not_be_stored_any_more_is_the_conversions_end(rig, run, fetched):
    fetched.broken = {"a.jpg": StorageError("Full.")}
    ended = entry_of(state=State.FAILED)
    rig.ledger.answers["failed"] = ended

    assert run(_remote("a.jpg"), faults=6)[1] is ended


def test_storage_that_was_exchanged_during_a_download_keeps_no_result(rig, run):
    checked = []

    def check(*, anew):
        checked.append(anew)
        if len(checked) > 1:
            raise OtherStorage("Not ours.")

    rig.marker.answers["check"] = check
    with pytest.raises(Ignore):
        run(_remote("a.jpg"))

    assert rig.given("ledger.succeeded") == []
    assert _note(rig) == "Not ours."
