"""The main job, by the dozen: real workers, both dialects, both pools."""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import closing

import pytest

from conveyor import State
from workers.local.stack import LocalStack

CONVERSIONS = 40
LARGE_CONVERSIONS = 200


@pytest.mark.large
@pytest.mark.parametrize(
    ("dialect", "pool"),
    [("path", "threads"), ("query", "prefork")],
)
def test_conversions_of_two_workers_are_paid_polled_and_deleted_as_promised(
    *, dialect, pool, large, tmp_path, sandbox_of, unacknowledged, until
):
    count = LARGE_CONVERSIONS if large else CONVERSIONS
    options = ("--dialect", dialect, "--duration", "0.1-1.5", "--audit-fingerprints")
    with LocalStack(
        workers=2, pool=pool, concurrency=4, dialect=dialect, sandbox_options=options
    ) as stack:
        with closing(stack.conveyor()) as conveyor:
            handles = [
                conveyor.convert(_document(tmp_path, number), to="html") for number in range(count)
            ]
            done = [handle.wait(timeout=240) for handle in handles]
            until(lambda: conveyor.fleet().leftovers == 0)
        left = unacknowledged(stack)
        audit = sandbox_of(stack).audit()

    assert Counter(conversion.state for conversion in done) == {State.SUCCEEDED: count}
    assert (audit["overlapping_polls"], audit["early_polls"], audit["paid_duplicates"]) == (0, 0, 0)
    assert audit["paid"] == count
    assert audit["deleted_jobs"] == count
    assert left == 0


def test_auto_finds_the_dialect_of_an_old_service(tmp_path, sandbox_of):
    with LocalStack(dialect="auto", sandbox_options=("--dialect", "query")) as stack:
        with closing(stack.conveyor()) as conveyor:
            for number in range(3):
                done = conveyor.convert(_document(tmp_path, number), to="html").wait(timeout=90)
                assert (done.state, done.submits) == (State.SUCCEEDED, 1)
        assert sandbox_of(stack).audit()["paid"] == 3


def test_results_are_whole_hashed_and_nothing_stays_behind(
    *, stack, sandbox, conveyor, document, unacknowledged, until, audit_at_rest
):
    done = conveyor.convert(document, to="html").wait(timeout=90)
    (file,) = done.files
    content = b"".join(conveyor.storage.read(file.uri))

    assert b"Words of the report." in content
    assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert done.cost == 1
    assert unacknowledged(stack) == 0
    until(lambda: conveyor.fleet().leftovers == 0)
    audit = sandbox.audit()
    deleted = audit["deleted_files"] - audit_at_rest["deleted_files"]
    assert deleted == 2 * (audit["jobs"] - audit_at_rest["jobs"]), "the upload and the result"
    staged = stack.directory / "files" / "staged"
    until(lambda: not list(staged.rglob("*.md")))


def test_several_sources_become_one_result(conveyor, tmp_path):
    documents = [_document(tmp_path, number) for number in range(3)]
    pages = [conveyor.convert(document, to="pdf").wait(timeout=90) for document in documents]

    merged = conveyor.convert([page.files[0].uri for page in pages], to="merge").wait(timeout=90)

    assert [file.name.endswith(".pdf") for file in merged.files] == [True]


def _document(folder, number):
    path = folder / f"{number}.md"
    path.write_text(f"# Report {number}\n\nWords of the report.\n")
    return path
