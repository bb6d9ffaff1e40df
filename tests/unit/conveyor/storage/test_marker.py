"""A process's marker, beside an id in use that other processes change."""

from __future__ import annotations

import re
from secrets import token_hex

import pytest

from conveyor.errors import StorageError
from conveyor.storage import marker as module
from conveyor.storage.marker import Marker, OtherStorage
from conveyor.storage.marker_file import MARKER, MarkerFile
from conveyor.storage.place import Place

MINE, THEIRS = "a" * 32, "b" * 32


class InUse:
    """Which storage is in use, in this process alone.

    Attributes:
        mark: The id; empty as long as nobody has used one.
        is_claimed: Whether another process is marking the storage.
        asked: How often the id was asked for.
    """

    def __init__(self, mark=""):
        self.mark = mark
        self.is_claimed = False
        self.asked = 0

    def known(self):
        self.asked += 1
        return self.mark

    def settle(self, mark):
        self.mark = self.mark or mark
        return self.mark

    def adopt(self, mark):
        self.mark = mark

    def claim(self):
        return not self.is_claimed


class Clock:
    """A clock that the test moves; to sleep moves it, too, and lets something happen."""

    def __init__(self):
        self.now = 1000.0
        self.meanwhile = lambda: None

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.meanwhile()


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def in_use():
    return InUse()


@pytest.fixture(params=["folder", "memory", "s3"])
def place(request, tmp_path, store):
    url = {"folder": f"{tmp_path}/files", "memory": f"memory://{token_hex(8)}"}
    return Place(url.get(request.param, "s3://files/in"))


@pytest.fixture
def marker(place, in_use, clock):
    return Marker(place.url, in_use)


def _file(place):
    return MarkerFile(place)


# -- the file ---------------------------------------------------------------------------------


def test_marker_says_its_id_and_what_it_is_for(place):
    mark = _file(place).make()

    assert re.fullmatch("[0-9a-f]{32}", mark)
    assert _file(place).read() == mark
    assert place.fs.cat_file(f"{place.root}/{MARKER}", start=0, end=200).decode() == (
        f"{mark}\nConveyor tells by this file that a storage is the right one.\n"
    )
    assert MARKER == ".conveyor"


def test_two_storages_get_two_ids(place):
    assert _file(place).make() != _file(place).make()


@pytest.mark.parametrize(
    ("content", "mark"),
    [
        (b"", ""),
        (b"words of somebody else", ""),
        (b"\xff\xfe" + MINE.encode(), MINE),
        (MINE.encode(), MINE),
        (MINE[:31].encode(), ""),
        (b" " * 60 + MINE.encode(), MINE),
        # So far nobody reads.
        (b" " * 100 + MINE.encode(), ""),
        (b" " * 68 + MINE.encode(), MINE),
        (b" " * 69 + MINE.encode(), ""),
    ],
)
def test_id_is_looked_for_in_the_first_hundred_bytes(place, content, mark):
    _file(place).write(THEIRS)
    place.fs.pipe_file(f"{place.root}/{MARKER}", content + b" ")

    assert _file(place).read() == mark


def test_storage_without_a_marker_has_no_id(place):
    assert _file(place).read() == ""


def test_place_that_is_no_folder_has_no_id(tmp_path):
    (tmp_path / "files").write_text("in the way")

    assert _file(Place(f"{tmp_path}/files")).read() == ""
    with pytest.raises(StorageError, match="Can't write to the storage"):
        _file(Place(f"{tmp_path}/files")).make()


def test_marker_that_can_not_be_read_is_a_fault(tmp_path):
    (tmp_path / MARKER).mkdir()
    with pytest.raises(StorageError, match="Can't read from the storage"):
        _file(Place(str(tmp_path))).read()


# -- the storage in use -----------------------------------------------------------------------


def test_first_user_marks_the_storage(marker, place, in_use):
    marker.check()

    assert in_use.mark == _file(place).read() != ""
    marker.check(anew=True)


def test_marker_that_is_there_becomes_the_one_in_use(marker, place, in_use):
    _file(place).write(MINE)
    marker.check()

    assert in_use.mark == MINE
    assert _file(place).read() == MINE


@pytest.mark.parametrize(
    ("found", "words"),
    [("", "has no file .conveyor, and the storage in use has one"), (THEIRS, "differs")],
)
def test_another_storage_is_refused_and_stays_as_it_is(marker, place, in_use, found, words):
    in_use.mark = MINE
    if found:
        _file(place).write(found)
    with pytest.raises(OtherStorage) as refused:
        marker.check()

    assert words in str(refused.value)
    assert "Mount it, or set CONVEYOR_STORAGE_URL" in str(refused.value)
    assert place.url.partition("://")[2].split("/")[0] in str(refused.value)
    assert _file(place).read() == found
    assert in_use.mark == MINE


def test_refused_storage_is_looked_at_each_time_until_it_is_right(marker, place, in_use):
    in_use.mark = MINE
    for _ in range(2):
        with pytest.raises(OtherStorage):
            marker.check()
    _file(place).write(MINE)
    marker.check()


def test_adopted_storage_keeps_its_id_and_another_one_gets_one(marker, place, in_use):
    in_use.mark = THEIRS
    made = marker.adopt()

    assert made == in_use.mark == _file(place).read() != ""
    in_use.mark = THEIRS
    assert marker.adopt() == made == in_use.mark == _file(place).read()
    marker.check()


def test_storage_that_was_adopted_elsewhere_is_right_immediately(marker, place, in_use):
    """The id that is remembered is asked for anew before anything is refused."""
    marker.check()
    _file(place).write(THEIRS)
    in_use.mark = THEIRS

    marker.check(anew=True)


# -- how often is looked ----------------------------------------------------------------------


def test_folder_is_looked_at_each_time_and_redis_now_and_then(tmp_path, in_use, clock):
    marker = Marker(f"{tmp_path}/files", in_use)
    marker.check()
    marker.check()
    asked = in_use.asked
    clock.now += 29.0
    marker.check()
    assert in_use.asked == asked
    clock.now += 1.0
    marker.check()
    assert in_use.asked == asked + 1
    (tmp_path / "files" / MARKER).unlink()
    with pytest.raises(OtherStorage):
        marker.check()


def test_object_store_is_trusted_for_half_a_minute(store, in_use, clock):
    marker = Marker("s3://files/in", in_use)
    marker.check()
    store.asked.clear()
    clock.now += 29.9
    marker.check()
    assert store.asked == []
    clock.now += 0.1
    marker.check()
    assert [each[0] for each in store.asked] == ["get"]
    marker.check(anew=True)
    assert len(store.asked) == 2


def test_look_after_the_first_use_costs_one_request(store, in_use, clock):
    marker = Marker("s3://files/in", in_use)
    marker.check()
    store.asked.clear()
    marker.check(anew=True)

    assert [each[0] for each in store.asked] == ["get"]


def test_store_that_turned_out_to_be_another_is_not_trusted_any_more(store, in_use, clock):
    marker = Marker("s3://files/in", in_use)
    marker.check()
    store.objects.clear()
    for anew in (True, False):
        with pytest.raises(OtherStorage):
            marker.check(anew=anew)


# -- several at once --------------------------------------------------------------------------


def test_who_comes_second_waits_for_the_mark_of_the_first(marker, place, in_use, clock):
    in_use.is_claimed = True

    def meanwhile():
        _file(place).write(MINE)
        in_use.mark = MINE

    clock.meanwhile = meanwhile
    marker.check()

    assert _file(place).read() == MINE
    assert clock.now == 1000.05


def test_who_comes_second_finds_another_storage_where_the_first_marked_it(
    marker, place, in_use, clock
):
    in_use.is_claimed = True
    clock.meanwhile = lambda: in_use.adopt(MINE)
    with pytest.raises(OtherStorage, match="has no file"):
        marker.check()

    assert _file(place).read() == ""


def test_who_takes_over_from_one_that_died_marks_the_storage(marker, place, in_use, clock):
    in_use.is_claimed = True

    def meanwhile():
        in_use.is_claimed = clock.now < 1002.0

    clock.meanwhile = meanwhile
    marker.check()

    assert in_use.mark == _file(place).read() != ""


def test_patience_with_one_that_marks_the_storage_ends(marker, in_use, clock):
    in_use.is_claimed = True
    with pytest.raises(StorageError, match="Another process is marking the storage right now"):
        marker.check()

    assert clock.now == pytest.approx(1005.0, abs=0.11)


class Slow(InUse):
    """Another process is faster between two steps of ours.

    Args:
        step: After which of ours.
        act: What it does then.
    """

    def __init__(self, step, act):
        super().__init__()
        self._step = step
        self._act = act

    def claim(self):
        if self._step == "claim":
            self._act(self)
        return True

    def settle(self, mark):
        if self._step == "settle":
            self._act(self)
        return super().settle(mark)


def test_mark_that_was_settled_before_ours_is_written_over_ours(place, clock):
    slow = Slow("settle", lambda it: it.adopt(MINE))
    Marker(place.url, slow).check()

    assert _file(place).read() == slow.mark == MINE


def test_mark_that_was_made_before_our_claim_is_taken(place, clock):
    def act(it):
        _file(place).write(MINE)
        it.mark = MINE

    Marker(place.url, Slow("claim", act)).check()

    assert _file(place).read() == MINE


def test_mark_that_was_made_elsewhere_before_our_claim_is_another_storage(place, clock):
    slow = Slow("claim", lambda it: it.adopt(MINE))
    with pytest.raises(OtherStorage, match="has no file"):
        Marker(place.url, slow).check()

    assert _file(place).read() == ""


def test_new_mark_is_asked_for_again_at_the_next_look(place, in_use, clock):
    """Until then another process may have adopted another."""
    marker = Marker(place.url, in_use)
    marker.check()
    in_use.mark = THEIRS
    with pytest.raises(OtherStorage):
        marker.check(anew=True)
