"""What the storage promises, on a folder, in memory, and at S3, Google's and Azure's stores."""

from __future__ import annotations

import asyncio
import gc
import hashlib
from secrets import token_hex
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from conveyor.errors import FileGone, InvalidRequest, StorageError
from conveyor.storage import Storage, Writer, chunks_of, safe_name
from conveyor.storage.objects import PART_BYTES
from conveyor.storage.place import Place

NAMES = (
    "report.docx",
    "report[1].docx",
    "report[!1].docx",
    "[].docx",
    "what?.docx",
    "all*.docx",
    "**",
    "{a,b}.docx",
    "50%.docx",
    "a%20b.docx",
    "%2F..%2Fa.docx",
    "a#b.docx",
    "C#",
    "a?versionId=1.docx",
    "a+b c;d&e=f,g.docx",
    'it\'s "quoted".docx',
    "$HOME `x` ~.docx",
    "~.docx",
    "a::b.docx",
    "s3://a/b.docx",
    "a@b:c.docx",
    "Ä ü ß.docx",
    "日本語 🎉.docx",
    "e\u0301.docx",
    ".hidden",
    "..",
    "...docx",
    "-rf.docx",
    "x.part",
    "x" * 400 + ".docx",
    "ü" * 200 + ".docx",
    "a\nb\tc.docx",
)


def _staged(storage, name="a.docx", content=b"words", token=None):
    writer = storage.stage(token or token_hex(16), name)
    writer.write(content)
    writer.finish()
    return writer.uri


def _opened(storage, uri):
    with storage.open_source(uri) as stream:
        return b"".join(chunks_of(stream))


def _read(storage, uri, *span):
    return b"".join(storage.read(uri, *span))


# -- names ------------------------------------------------------------------------------------


def test_any_name_is_staged_opened_stored_read_and_removed(storage, kind):
    wrong = {}
    for name in NAMES:
        content = name.encode()
        uri = _staged(storage, name, content)
        stored = storage.save("c1", safe_name(name), [content, b"!"])
        seen = (
            _opened(storage, uri),
            _read(storage, stored.uri),
            _read(storage, stored.uri, 1, 2),
            stored.uri == f"{storage.location}/results/c1/{safe_name(name)}",
            f"results/c1/{safe_name(name)}" in kind.files(),
        )
        if seen != (content, content + b"!", (content + b"!")[1:2], True, True):
            wrong[name] = seen
        storage.remove_staged([uri])

    assert wrong == {}
    assert not [path for path in kind.files() if path.startswith("staged/")]
    storage.remove_results("c1")
    assert kind.files() == []


def test_a_pattern_in_a_name_removes_its_own_file_alone(storage, kind):
    token = token_hex(16)
    for name in ("a1.docx", "a[1].docx"):
        storage.save("c1", name, [b"x"])
        storage.save("c[1]", name, [b"x"])
        storage.save("c10", name, [b"x"])
    _staged(storage, "a[1].docx", token=token)
    kept = _staged(storage, "a1.docx")

    storage.remove_results("c[1]")
    storage.remove_folder(token)

    assert [path for path in kind.files() if path.startswith("results/")] == sorted(
        f"results/{folder}/{name}" for folder in ("c1", "c10") for name in ("a1.docx", "a[1].docx")
    )
    assert _opened(storage, kept) == b"words"


def test_the_results_of_one_conversion_are_removed_and_no_others(storage, kind):
    storage.save("c1", "a.pdf", [b"x"])
    storage.save("c1", "b.pdf", [b"x"])
    other = storage.save("c10", "a.pdf", [b"x"])
    storage.remove_results("c1")
    storage.remove_results("c1")
    storage.remove_results("never was")

    assert kind.files() == ["results/c10/a.pdf"]
    assert _read(storage, other.uri) == b"x"


def test_a_result_that_is_called_part_is_a_result(storage, kind):
    for name in ("x.part", f"a.pdf.{'0' * 16}.part", safe_name(f".{'0' * 16}.part")):
        storage.save("c1", name, [b"paid"])
    storage.remove_partials("c1")

    assert len(kind.files()) == 3


# -- whole, or not at all ---------------------------------------------------------------------


def test_a_file_is_not_seen_before_it_is_whole(storage, kind):
    writer = storage.result("c1", "a.pdf")
    writer.write(b"x" * (PART_BYTES + 1))
    seen = [path for path in kind.files() if not path.endswith(".part")]
    writer.finish()

    assert seen == []
    assert kind.files() == ["results/c1/a.pdf"]


@pytest.mark.parametrize("size", [5, PART_BYTES + 5], ids=["small", "in parts"])
def test_a_file_that_is_given_up_leaves_nothing(storage, kind, size):
    is_s3 = kind.url.startswith("s3")
    open_before = kind.server.open_uploads() if is_s3 else 0
    writer = storage.stage(token_hex(16), "a.docx")
    writer.write(b"x" * size)
    writer.abandon()

    assert kind.files() == []
    if is_s3:
        assert kind.server.open_uploads() == open_before


def test_file_of_a_forgotten_writer_never_appears(storage, kind):
    writer = storage.result("c1", "a.pdf")
    writer.write(b"x" * (PART_BYTES + 5))
    del writer
    gc.collect()

    assert [path for path in kind.files() if not path.endswith(".part")] == []


def test_parts_of_a_killed_writer_are_removed_and_the_result_stays(storage, kind):
    storage.result("c1", "b.pdf").write(b"half of")
    storage.save("c1", "a.pdf", [b"paid"])
    storage.remove_partials("c1")

    assert kind.files() == ["results/c1/a.pdf"]


@pytest.mark.parametrize(
    "size",
    [0, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES],
)
def test_a_file_of_any_size_comes_back_as_it_was(storage, size):
    content = (b"0123456789abcde" * (size // 15 + 1))[:size]
    stored = storage.save("c1", "a.bin", [content[:3], content[3:]])

    assert stored.size == size
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert _read(storage, stored.uri) == content
    assert storage.holds(stored)
    assert _read(storage, stored.uri, size // 2) == content[size // 2 :]
    if size:
        assert _opened(storage, stored.uri) == content
        assert _read(storage, stored.uri, size - 1, size) == content[-1:]


def test_content_that_holds_the_end_of_a_request_is_stored_as_it_is(storage):
    """gcsfs parts a request by these letters."""
    content = b"%PDF\n--==0==--\nrest"

    assert _read(storage, storage.save("c1", "a.pdf", [content]).uri) == content


@pytest.mark.parametrize(
    ("start", "end", "part"),
    [(0, None, b"one two"), (4, None, b"two"), (0, 3, b"one"), (2, 5, b"e t"), (7, 7, b"")],
)
def test_a_part_of_a_file_is_read(storage, start, end, part):
    stored = storage.save("c1", "a.txt", [b"one two"])

    assert _read(storage, stored.uri, start, end) == part


def test_changes_by_other_processes_are_seen(storage, kind):
    storage.save("c1", "a.pdf", [b"first"])
    uri = storage.save("c1", "b.pdf", [b"first"]).uri
    assert _read(storage, uri) == b"first"
    other = kind.open()
    other.save("c1", "b.pdf", [b"second, and longer"])
    other.save("c1", "c.pdf", [b"x"])

    assert _read(storage, uri) == b"second, and longer"
    storage.remove_results("c1")
    assert kind.files() == []
    with pytest.raises(FileGone):
        _read(other, uri)


def test_a_check_and_a_probe_leave_nothing(storage, kind):
    storage.check()
    with storage.probe() as uri:
        assert _read(kind.open(), uri) == b"ok"

    assert kind.files() == []


# -- what is no file --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone.docx", "does not exist"),
        ("gone", "does not exist"),
        ("gone[1]*.docx", "does not exist"),
        ("empty.docx", "is empty"),
        ("folder", "is not a file"),
    ],
)
def test_a_source_that_never_will_be_there_says_why(storage, name, words):
    storage.save("c1", "empty.docx", [])
    inside = Writer(storage._place, f"{storage._place.root}/results/c1/folder/a.docx")
    inside.write(b"words")
    inside.finish()
    with pytest.raises(InvalidRequest, match=words):
        _opened(storage, f"{storage.location}/results/c1/{name}")


def test_a_version_of_an_object_is_not_a_source(storage, kind):
    uri = f"{_staged(storage)}?versionId=1"
    with pytest.raises(InvalidRequest, match="version" if kind.server else "does not exist"):
        _opened(storage, uri)


# -- reads and removals are confined ----------------------------------------------------------


def _ways_out(storage):
    url = storage.location
    scheme = url.partition("://")[0]
    bucket = url.partition("://")[2].partition("/")[0]
    return [
        "file:///proc/self/environ",
        "local:///etc/passwd",
        "/etc/passwd",
        "etc/passwd",
        f"{url}-evil/a.txt",
        f"{url}",
        f"{url}/",
        f"{url}/../secret.txt",
        f"{url}/results/../../secret.txt",
        f"{url}/./../secret.txt",
        f"{scheme}://{bucket}-evil/a.txt",
        f"{scheme}://other/a.txt",
        f"simplecache::{url}/secret.txt",
        f"filecache::{scheme}://{bucket}/secret.txt",
        f"zip://a.txt::{url}/a.zip",
        "memory://other/secret.txt",
        "http://169.254.169.254/latest/meta-data/",
        f"reference::{url}/a",
        "data:,secret",
        "",
    ]


def test_nothing_outside_the_storage_is_read(storage):
    beside = Place(storage.location.rpartition("/")[0])
    for name in ("secret.txt", f"{storage.location.rpartition('/')[2]}-evil/a.txt"):
        writer = Writer(beside, f"{beside.root}/{name}")
        writer.write(b"secret")
        writer.finish()
    for uri in _ways_out(storage):
        with pytest.raises((StorageError, InvalidRequest), match=r"outside the storage|no longer"):
            _read(storage, uri)
        with pytest.raises(InvalidRequest, match=r"outside the folders|does not exist"):
            _opened(storage, uri)


def test_nothing_but_what_was_staged_is_removed(storage, kind):
    staged = _staged(storage)
    result = storage.save("c1", "a.pdf", [b"paid"])
    before = kind.files()
    root = storage.location
    storage.remove_staged(
        [
            result.uri,
            f"{root}/staged",
            f"{root}/staged/",
            f"{root}/staged/{'0' * 32}",
            f"{root}/staged/{'0' * 32}/..",
            f"{root}/staged/../results/c1/a.pdf",
            f"{root}/staged/*/a.docx",
            f"{staged}/../a.docx",
            *_ways_out(storage),
        ]
    )

    assert kind.files() == before


@pytest.mark.parametrize("name", ["report.pdf", "Ä ü ß 100% [1].pdf", "a+b c;d&e=f,g.docx"])
def test_signed_url_of_a_store_that_signs_opens_that_file(kind, storage, name):
    if kind.server is None or kind.server.scheme == "gs":
        pytest.skip("it can't sign, as the next test shows")
    stored = storage.save("c1", name, [b"words"])
    url = storage.url(stored, expires="10m")
    with kind.server.serving_links():
        answer = requests.get(url, timeout=60)

    assert (answer.status_code, answer.content) == (200, b"words")
    assert asyncio.run(storage.aurl(stored, 60)).partition("?")[0] == answer.url.partition("?")[0]


def test_url_is_signed_as_every_region_of_s3_takes_it_and_ends(use):
    """The older form has no `X-Amz-Expires`."""
    server = use("s3")
    storage = Storage(server.url)
    url = storage.url(storage.save("c1", "a.pdf", [b"words"]), expires=90.2)
    query = parse_qs(urlsplit(url).query)

    assert query["X-Amz-Expires"] == ["91"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert len(query["X-Amz-Signature"][0]) == 64


def test_storage_that_can_not_sign_says_what_to_do(kind, storage):
    """Google's emulator asks for no credentials, so there is no key."""
    if kind.server is not None and kind.server.scheme != "gs":
        pytest.skip("it can sign")
    stored = storage.save("c1", "report.pdf", [b"words"])
    with pytest.raises(StorageError, match=r"can't sign URLs.* CONVEYOR_LINK_URL"):
        storage.url(stored)


def test_files_of_a_life_that_is_over_are_removed_one_by_one(kind, storage):
    for name in ("a.pdf", "[a].pdf", "b.pdf"):
        storage.save("c1", name, [b"words"])
    storage.save("c2", "a.pdf", [b"words"])
    storage.remove_files("c1", ["[a].pdf", "b.pdf", "gone.pdf"])
    assert kind.files() == ["results/c1/a.pdf", "results/c2/a.pdf"]

    storage.remove_files("c1", ["a.pdf"])
    assert kind.files() == ["results/c2/a.pdf"]
