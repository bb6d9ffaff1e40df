"""The storage in an object store: what it asks for, what it removes, and what its faults become."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conveyor.errors import FileGone, InvalidRequest, StorageError
from conveyor.storage import Storage
from conveyor.storage.marker import OtherStorage
from conveyor.storage.place import Place
from conveyor.storage.removing import remove_file

TOKEN = "0123456789abcdef" * 2
STAGED = f"files/in/staged/{TOKEN}/a.docx"


def _words(store):
    return [each[0] for each in store.asked]


# -- staged sources ---------------------------------------------------------------------------


def test_source_is_staged_below_its_token(store, bucket):
    writer = bucket.stage(TOKEN, "../a.docx")
    writer.write(b"words")
    writer.finish()

    assert writer.uri == f"s3://{STAGED}"
    assert store.objects == {STAGED: b"words"}


def test_staged_source_is_removed_by_one_request_that_lists_nothing(store, bucket):
    store.objects |= {STAGED: b"words", f"{STAGED}x": b"others"}
    bucket.remove_staged([f"s3://{STAGED}"])

    assert store.asked == [("delete", STAGED)]
    assert list(store.objects) == [f"{STAGED}x"]


def test_faults_keep_no_other_source_from_being_removed(store, bucket):
    other = STAGED.replace(TOKEN, TOKEN[::-1])
    store.objects |= {STAGED: b"words", other: b"words"}
    store.faults["delete"] = RuntimeError("away")
    bucket.remove_staged([f"s3://{STAGED}", f"s3://{other}"])

    assert [path for _, path in store.asked] == [STAGED, other]


def test_source_that_was_staged_elsewhere_is_left_alone(store, bucket):
    bucket.remove_staged([f"s3://files/staged/{TOKEN}/a.docx", "s3://files/in/staged/x/a.docx"])

    assert store.asked == []
    assert bucket.tokens_of([f"s3://{STAGED}", f"s3://other/staged/{TOKEN}/a"]) == [TOKEN]


def test_folder_of_a_token_is_removed_with_all_that_lies_there(store, bucket):
    store.objects |= {STAGED: b"words", STAGED.replace("a.docx", "b.docx"): b"words"}
    bucket.remove_folder(TOKEN)
    bucket.remove_folder(TOKEN)

    assert store.objects == {}


def test_folder_that_can_not_be_removed_is_a_fault(store, bucket):
    store.faults["ls"] = PermissionError("hush")
    with pytest.raises(
        StorageError, match=r"^Can't remove from the storage \(s3://files/in\): per"
    ):
        bucket.remove_folder(TOKEN)


def test_probe_is_there_until_its_end_and_removed_even_after_a_fault(store, bucket):
    with bucket.probe() as uri:
        assert uri.startswith("s3://files/in/staged/")
        assert uri.endswith("/probe")
        assert list(store.objects.values()) == [b"ok"]
    assert store.objects == {}
    with pytest.raises(KeyError, match="broken"), bucket.probe():
        raise KeyError("broken")
    assert store.objects == {}


def test_two_probes_do_not_meet(bucket):
    with bucket.probe() as one, bucket.probe() as other:
        assert one != other


# -- sources in other folders -----------------------------------------------------------------


def test_source_is_read_from_the_storage_and_from_each_allowed_folder(store):
    store.objects |= {"files/in/a": b"1", "files/one/a": b"2", "files/two/a": b"3"}
    storage = Storage("s3://files/in", ["s3://files/one", "s3://files/two"])
    read = []
    for uri in ("s3://files/in/a", "s3://files/one/a", "s3://files/two/a"):
        with storage.open_source(uri) as stream:
            read.append(stream.read())

    assert read == [b"1", b"2", b"3"]
    with (
        pytest.raises(InvalidRequest, match="or add its folder or bucket to CONVEYOR_SOURCE_FOLD"),
        storage.open_source("s3://files/three/a"),
    ):
        pass


def test_folder_of_sources_that_can_not_be_opened_names_its_setting(store):
    with pytest.raises(
        StorageError, match=r"open a folder of sources .*CONVEYOR_SOURCE_FOLDERS\.$"
    ):
        Storage("s3://files/in", ["nosuch://files"])


def test_missing_bucket_of_a_source_is_a_fault_and_no_missing_source(store):
    store.objects["other/a"] = b"x"
    storage = Storage("s3://files/in", ["s3://missing/in"])
    with (
        pytest.raises(StorageError, match=r"read the source \(s3://missing/…?\).*SOURCE_FOLDERS\b"),
        storage.open_source("s3://missing/in/a"),
    ):
        pass


def test_fault_while_a_source_is_opened_is_told_as_its_setting(store):
    store.faults["get"] = store.faults["info"] = RuntimeError("hush")
    storage = Storage("s3://files/in", ["s3://files/docs"])
    for folder, setting in (("in", "CONVEYOR_STORAGE_URL"), ("docs", "CONVEYOR_SOURCE_FOLDERS")):
        with (
            pytest.raises(StorageError, match=rf"Can't read the source.*{setting}\.$"),
            storage.open_source(f"s3://files/{folder}/a"),
        ):
            pass


# -- results ----------------------------------------------------------------------------------


def test_result_is_written_piece_by_piece_below_its_conversion(store, bucket):
    writer = bucket.result("c1", "a.pdf")
    writer.write(b"words")
    writer.finish()

    assert store.objects == {"files/in/results/c1/a.pdf": b"words"}


def test_result_of_an_odd_id_stays_below_the_results(store, bucket):
    (folder,) = {bucket.save("../../c1", name, []).uri.rpartition("/")[0] for name in "ab"}

    assert folder.startswith("s3://files/in/results/c1-")
    bucket.remove_results("../../c1")
    assert store.objects == {}


def test_file_is_held_only_while_it_is_the_same(store, bucket):
    file = bucket.save("c1", "a.pdf", [b"one ", b"two"])
    path = file.uri.removeprefix("s3://")

    assert bucket.holds(file)
    assert not bucket.holds(replace(file, sha256="0" * 64))
    assert not bucket.holds(replace(file, uri="s3://other/a.pdf"))
    store.objects[path] = b"one twO"
    assert not bucket.holds(file)
    del store.objects[path]
    assert not bucket.holds(file)


def test_results_of_a_conversion_are_removed_and_those_that_vanish_meanwhile(store, bucket):
    for name in ("a.pdf", "b.pdf", "c.pdf"):
        bucket.save("c1", name, [b"x"])
    bucket.save("c10", "a.pdf", [b"x"])
    remove = store.rm_file

    def late(self, path):
        if path.endswith("b.pdf"):
            raise FileNotFoundError(path)
        remove(self, path)

    store.rm_file = late
    bucket.remove_results("c1")

    assert sorted(store.objects) == ["files/in/results/c1/b.pdf", "files/in/results/c10/a.pdf"]


def test_results_are_listed_once_and_removed_one_by_one(store, bucket):
    for name in ("a.pdf", "b.pdf"):
        bucket.save("c1", name, [b"x"])
    store.asked.clear()
    bucket.remove_results("c1")

    assert [each for each in _words(store) if each != "info"] == ["ls", "delete", "delete"]


@pytest.mark.parametrize("word", ["ls", "delete"])
def test_results_that_can_not_be_removed_are_a_fault(store, bucket, word):
    bucket.save("c1", "a.pdf", [b"x"])
    store.faults[word] = RuntimeError("hush")
    with pytest.raises(StorageError, match="Can't remove from the storage"):
        bucket.remove_results("c1")


def test_parts_of_files_are_not_looked_for_where_none_can_be(store, bucket):
    bucket.remove_partials("c1")

    assert store.asked == []


def test_file_that_can_not_be_removed_is_a_fault(store):
    store.faults["delete"] = PermissionError("hush")
    with pytest.raises(
        StorageError, match=r"^Can't remove from the storage \(s3://files/in\): per"
    ):
        remove_file(Place("s3://files/in"), STAGED)


# -- a folder ---------------------------------------------------------------------------------


@pytest.fixture
def local(tmp_path):
    return Storage(tmp_path.as_uri())


@pytest.mark.parametrize("others", [[], ["a.pdf"]])
def test_parts_of_files_are_removed_and_their_folder_only_where_it_is_empty(
    local, tmp_path, others
):
    folder = tmp_path / "results" / "c1"
    folder.mkdir(parents=True)
    for name in (*others, f".a.pdf.{'0' * 16}.part", f".b.pdf.{'1' * 16}.part"):
        (folder / name).write_bytes(b"x")
    local.remove_partials("c1")

    assert folder.exists() == bool(others)
    assert [path.name for path in folder.glob("*")] == others


def test_parts_of_files_that_can_not_be_removed_are_left_alone(local, tmp_path):
    (tmp_path / "results").write_text("in the way")

    local.remove_partials("c1")


def test_results_are_removed_with_their_folder(local, tmp_path):
    local.save("c1", "a.pdf", [b"x"])
    local.remove_results("c1")

    assert list((tmp_path / "results").iterdir()) == []


def test_empty_folder_of_a_conversion_is_removed(local, tmp_path):
    (tmp_path / "results" / "c1").mkdir(parents=True)
    local.remove_results("c1")

    assert list((tmp_path / "results").iterdir()) == []


def test_staged_source_is_removed_with_its_folder(local, tmp_path):
    writer = local.stage(TOKEN, "a.docx")
    writer.finish()
    local.remove_staged([writer.uri])

    assert list((tmp_path / "staged").iterdir()) == []


def test_folder_that_is_filled_meanwhile_stays(local, tmp_path, monkeypatch):
    local.save("c1", "a.pdf", [b"x"])
    fs = local._place.fs
    remove = fs.rm_file

    def meanwhile(path):
        remove(path)
        (tmp_path / "results" / "c1" / "late.pdf").write_bytes(b"x")

    monkeypatch.setattr(fs, "rm_file", meanwhile)
    local.remove_results("c1")

    assert [path.name for path in tmp_path.rglob("*.pdf")] == ["late.pdf"]


# -- the check --------------------------------------------------------------------------------


def test_check_writes_reads_and_removes_one_small_file(store, bucket):
    bucket.check()
    first = store.asked[0][1]

    assert first.startswith("files/in/.conveyor-check-")
    assert store.asked == [("put", first, 2), ("get", first, 0, 2), ("delete", first)]
    bucket.check()
    assert store.asked[-1][1] != first


@pytest.mark.parametrize(
    ("word", "what"),
    [("put", "write to"), ("get", "read from"), ("delete", "remove from")],
)
def test_check_says_what_does_not_work(store, bucket, word, what):
    store.faults[word] = PermissionError("hush")
    with pytest.raises(
        StorageError, match=rf"^Can't {what} the storage \(s3://files/in\): permission denied"
    ):
        bucket.check()


# -- is this the storage at all? --------------------------------------------------------------


class Marker:
    """Says that the storage is another, and notes how it was asked."""

    def __init__(self, error=None):
        self.asked = []
        self._error = error

    def check(self, *, anew=False):
        self.asked.append(anew)
        if self._error:
            raise self._error


def test_missing_file_of_another_storage_is_not_gone(store):
    store.objects["files/in/other"] = b"x"
    marker = Marker(OtherStorage("another"))
    storage = Storage("s3://files/in", marker=marker)
    with pytest.raises(OtherStorage):
        list(storage.read("s3://files/in/results/c1/a.pdf"))
    assert marker.asked == [True]


def test_missing_file_of_the_right_storage_is_gone(store):
    marker = Marker()
    storage = Storage("s3://files/in", marker=marker)
    with pytest.raises(FileGone, match="check the storage's lifecycle rules"):
        list(storage.read("s3://files/in/results/c1/a.pdf"))
    assert marker.asked == [True]


def test_file_that_is_there_costs_no_look_at_the_marker(store):
    store.objects["files/in/a"] = b"words"
    marker = Marker(OtherStorage("another"))

    assert list(Storage("s3://files/in", marker=marker).read("s3://files/in/a")) == [b"words"]
    assert marker.asked == []


def test_file_in_a_bucket_that_is_missing_is_not_gone(store):
    with pytest.raises(StorageError, match="no such bucket") as raised:
        list(Storage("s3://missing/in").read("s3://missing/in/a"))

    assert not isinstance(raised.value, FileGone)
    assert "(s3://missing/in)" in str(raised.value)


def test_address_of_a_file_elsewhere_is_refused_with_both_causes(bucket):
    with pytest.raises(StorageError, match=r"outside the storage.*to the workers' value.*in Redis"):
        list(bucket.read("s3://other/a"))
