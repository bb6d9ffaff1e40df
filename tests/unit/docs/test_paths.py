"""Every file and folder of the repository that the documents name is there."""

from __future__ import annotations

import re

import pytest

from tests.unit.docs import reading

# `tasks/` is left out: the reader's own application often has a folder of this name.
FOLDERS = (
    "conveyor",
    "config",
    "workers",
    "web",
    "tests",
    "docs",
    "benchmarks",
    "chaos",
    "docsite",
)
PATH = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./-]*")


def missing(span):
    """Whether a code span is a path of the repository that does not exist."""
    if not PATH.fullmatch(span):
        return False
    made = span.startswith("docs/reference/")
    return not made and not (reading.ROOT / span).exists()


@pytest.mark.parametrize("page", [page for page in reading.PAGES if page != "CHANGELOG.md"])
def test_every_path_that_a_page_names_is_there(page):
    assert [span for span in reading.spans(page) if missing(span)] == []


@pytest.mark.parametrize(
    ("span", "found"),
    [("conveyor/nowhere.py", True), ("web/static/", False), ("conveyor.submit", False)],
)
def test_a_path_to_nowhere_is_seen(span, found):
    assert missing(span) is found
