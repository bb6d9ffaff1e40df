"""Downloads that break off, come short, or are of another file: without a network."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from conveyor.convertapi.bodies import Download
from conveyor.convertapi.errors import Overdue, Refused, Unclear, Unreachable
from conveyor.domain.answers import RemoteFile
from conveyor.domain.conversion import StoredFile
from conveyor.errors import StorageError
from workers.downloads import fetch

CUT = Unclear("cut")


class Writer:
    """A file in the storage, as it grows."""

    def __init__(self):
        self.content = b""
        self.end = ""

    @property
    def size(self):
        return len(self.content)

    @property
    def sha256(self):
        return f"hash of {self.content!r}"

    @property
    def file(self):
        return StoredFile("a.pdf", "file:///a.pdf", self.size, self.sha256)

    def write(self, chunk):
        self.content += chunk

    def finish(self):
        self.end = "finished"

    def abandon(self):
        self.end = "abandoned"


class Storage:
    """Notes the writers that it was asked for."""

    def __init__(self):
        self.writers = []
        self.asked = []

    def result(self, conversion_id, name):
        self.asked.append((conversion_id, name))
        self.writers.append(Writer())
        return self.writers[-1]


@dataclass
class Fetch:
    """A fetch: what was asked of the service, and how often it was tried."""

    asked: list
    tries: list
    storage: Storage
    fetched: object = None


@pytest.fixture
def run():
    """Fetch a file; each download is given, or an error is raised in its place."""

    def go(*downloads, size=6, most=100):
        seen, left = Fetch([], [], Storage()), iter(downloads)
        go.seen = seen

        class Api:
            @contextmanager
            def download(self, url, start, tag):
                seen.asked.append((url, start, tag))
                given = next(left)
                if isinstance(given, Exception):
                    raise given
                yield given

        remote = RemoteFile("a.pdf", "https://x/d/a", size)
        seen.fetched = fetch(
            *(Api(), seen.storage, "c1", remote, "a.pdf", most),
            on_try=lambda: seen.tries.append(1),
        )
        return seen

    return go


def _load(content, error=None, **fields):
    """A download of these bytes, one by one, that may break off after them."""

    def chunks():
        for number in content:
            yield bytes([number])
        if error is not None:
            raise error

    usual = {"start": 0, "size": 6, "tag": '"v1"', "is_plain": True, "is_framed": True}
    return Download(chunks(), **{**usual, **fields})


def _starts(seen):
    return [(start, tag) for _, start, tag in seen.asked]


def test_whole_download_is_stored(run):
    seen = run(_load(b"abcdef"))

    (writer,) = seen.storage.writers
    assert (writer.content, writer.end) == (b"abcdef", "finished")
    assert seen.fetched.file == writer.file
    assert seen.fetched.note == ""
    assert seen.asked == [("https://x/d/a", 0, "")]
    assert seen.storage.asked == [("c1", "a.pdf")]
    assert len(seen.tries) == 1


def test_broken_download_goes_on_where_it_stands(run):
    seen = run(_load(b"abc", CUT), _load(b"def", start=3))

    assert seen.storage.writers[-1].content == b"abcdef"
    assert len(seen.storage.writers) == 1
    assert _starts(seen) == [(0, ""), (3, '"v1"')]


@pytest.mark.parametrize(
    "second",
    [_load(b"abcdef", tag='"v2"'), _load(b"abcdef"), _load(b"abcdef", size=None)],
    ids=["another version", "no ranges", "no length"],
)
def test_download_that_begins_anew_is_taken_from_its_beginning(run, second):
    seen = run(_load(b"abc", CUT), second)

    first, last = seen.storage.writers
    assert (first.end, last.content, last.end) == ("abandoned", b"abcdef", "finished")


def test_service_without_ranges_is_not_asked_for_them_again(run):
    seen = run(_load(b"abc", CUT), _load(b"ab", CUT), _load(b"abcdef"))

    assert _starts(seen) == [(0, ""), (3, '"v1"'), (0, "")]
    assert seen.storage.writers[-1].content == b"abcdef"


@pytest.mark.parametrize(
    "part",
    [
        _load(b"ef", start=4),
        _load(b"def", start=3, tag='"v2"'),
        _load(b"def", start=3, size=7),
        _load(b"def", start=3, size=None),
    ],
    ids=["from elsewhere", "another version", "another length", "no length"],
)
def test_part_of_another_file_is_not_taken(run, part):
    seen = run(_load(b"abc", CUT), part, _load(b"abcdef"))

    assert seen.storage.writers[-1].content == b"abcdef"
    assert _starts(seen)[-1] == (0, "")


@pytest.mark.parametrize(
    ("first", "part"),
    [
        ({"tag": ""}, {"tag": '"v2"'}),
        ({"size": None}, {"size": 9}),
    ],
    ids=["a tag", "a length"],
)
def test_part_is_compared_with_what_the_first_download_said(run, first, part):
    seen = run(_load(b"abc", CUT, **first), _load(b"def", start=3, **part))

    assert seen.storage.writers[-1].content == b"abcdef"
    assert len(seen.asked) == 2


def test_compressed_download_begins_again(run):
    seen = run(_load(b"abc", CUT, is_plain=False), _load(b"abcdef"))

    assert _starts(seen) == [(0, ""), (0, "")]
    assert seen.storage.writers[-1].content == b"abcdef"


def test_part_that_comes_unasked_is_not_taken(run):
    seen = run(_load(b"def", start=3), _load(b"abcdef"))

    assert _starts(seen) == [(0, ""), (0, "")]
    assert seen.storage.writers[-1].content == b"abcdef"


@pytest.mark.parametrize("error", [CUT, Unreachable("no route"), Overdue("too long")])
def test_download_that_breaks_off_five_times_is_given_up(run, error):
    parts = [_load(b"a", error), *[_load(b"a", error, start=it) for it in (1, 2, 3, 4)]]
    with pytest.raises(type(error)):
        run(*parts)

    assert len(run.seen.tries) == 5
    assert run.seen.storage.writers[-1].end == "abandoned"


def test_fifth_try_may_succeed(run):
    broken = [_load(b"a", CUT), *[_load(b"a", CUT, start=it) for it in (1, 2, 3)]]

    assert run(*broken, _load(b"ef", start=4)).fetched.file.size == 6


def test_download_that_takes_too_long_and_can_not_go_on_is_given_up_at_once(run):
    with pytest.raises(Overdue):
        run(_load(b"abc", Overdue("too long"), is_plain=False))

    assert len(run.seen.tries) == 1


def test_download_that_breaks_off_after_a_byte_goes_on_after_it(run):
    assert _starts(run(_load(b"a", CUT), _load(b"bcdef", start=1))) == [(0, ""), (1, '"v1"')]


def test_download_that_broke_off_before_its_first_byte_says_nothing_of_parts(run):
    seen = run(_load(b"", CUT), _load(b"abc", CUT), _load(b"def", start=3))

    assert _starts(seen) == [(0, ""), (0, ""), (3, '"v1"')]


def test_download_that_takes_too_long_goes_on_in_another_try(run):
    seen = run(_load(b"abc", Overdue("too long")), _load(b"def", start=3))

    assert seen.fetched.file.size == 6


@pytest.mark.parametrize("error", [Refused(404, 0, "Gone."), Refused(416, 0, "No such part.")])
def test_refused_download_is_given_up_at_once(run, error):
    with pytest.raises(Refused):
        run(error)

    assert len(run.seen.tries) == 1


def test_part_that_the_service_refuses_is_followed_by_the_whole(run):
    refused = Refused(416, 0, "No such part.")
    seen = run(_load(b"abc", CUT), refused, _load(b"abcdef"))

    assert _starts(seen) == [(0, ""), (3, '"v1"'), (0, "")]
    assert seen.storage.writers[-1].content == b"abcdef"


def test_part_that_is_gone_is_given_up(run):
    with pytest.raises(Refused):
        run(_load(b"abc", CUT), Refused(404, 0, "Gone."))


def test_part_that_is_refused_in_the_last_try_is_given_up(run):
    parts = [_load(b"a", CUT), *[_load(b"a", CUT, start=it) for it in (1, 2, 3)]]
    with pytest.raises(Refused):
        run(*parts, Refused(416, 0, "No such part."))


@pytest.mark.parametrize("size", [6, None])
def test_file_to_the_last_byte_that_is_allowed_is_stored(run, size):
    assert run(_load(b"abcdef", size=None), size=size, most=6).fetched.file.size == 6


def test_file_that_is_too_large_is_refused_by_its_bound(run):
    with pytest.raises(StorageError, match="larger than 5 bytes"):
        run(_load(b"abcdef"), most=5)

    (writer,) = run.seen.storage.writers
    assert (writer.content, writer.end) == (b"abcde", "abandoned")
    assert len(run.seen.tries) == 1


@pytest.mark.parametrize("content", [b"abc", b"abcdefgh"])
def test_download_of_another_length_than_its_head_says_is_fetched_again(run, content):
    seen = run(_load(content, size=6), _load(b"abcdef", size=6))

    assert seen.storage.writers[-1].content == b"abcdef"


def test_download_without_a_length_of_any_kind_is_taken_as_it_comes(run):
    seen = run(_load(b"abc", size=None), size=None)

    assert (seen.fetched.file.size, seen.fetched.note) == (3, "")


def test_empty_download_is_fetched_again(run):
    assert run(_load(b"", size=None), _load(b"abc", size=None), size=None).fetched.file.size == 3


def test_empty_file_is_stored(run):
    seen = run(_load(b"", size=None), size=0)

    assert (seen.fetched.file.size, seen.fetched.note) == (0, "")
    assert len(seen.tries) == 1


@pytest.mark.parametrize("content", [b"abc", b"abcdefgh"])
def test_two_equal_downloads_outvote_the_size_that_the_service_said(run, content):
    loads = [_load(content, size=len(content)) for _ in range(2)]
    seen = run(*loads)

    assert seen.fetched.file.size == len(content)
    assert seen.fetched.note == (
        f"ConvertAPI said 6 bytes, and two downloads brought the same {len(content)}: the file is "
        "kept as it came."
    )
    # Each from the beginning, or they would prove nothing.
    assert _starts(seen) == [(0, ""), (0, "")]


def test_two_downloads_that_differ_prove_nothing(run):
    seen = run(_load(b"abc", size=3), _load(b"abd", size=3), _load(b"abd", size=3))

    assert seen.fetched.file.sha256 == "hash of b'abd'"
    assert len(seen.tries) == 3


def test_short_download_without_an_end_of_its_own_goes_on(run):
    seen = run(_load(b"abc", size=None, is_framed=False), _load(b"def", start=3, size=6))

    assert seen.storage.writers[-1].content == b"abcdef"
    assert seen.fetched.note == ""
    assert _starts(seen) == [(0, ""), (3, '"v1"')]


def test_long_download_without_an_end_of_its_own_begins_again(run):
    loads = [_load(b"abcdefgh", size=None, is_framed=False) for _ in range(2)]

    assert _starts(run(*loads)) == [(0, ""), (0, "")]


def test_file_is_abandoned_whatever_is_raised(run):
    with pytest.raises(ZeroDivisionError):
        run(_load(b"abc", ZeroDivisionError()))

    assert run.seen.storage.writers[-1].end == "abandoned"
