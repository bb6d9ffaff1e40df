from __future__ import annotations

import pytest

from mutants.equivalents import Equivalents
from mutants.fault import Fault, Scope

TEXT = "def f():\n    return a < b\n"
LISTED = """\
# Words about the list itself.

# The two are never equal.
deadline.py
- return a < b
+ return a <= b
"""


def _fault(text, path="conveyor/convertapi/deadline.py", new="<="):
    at = text.index("<")
    return Fault(path, at, at + 1, new, "", Scope(frozenset()))


@pytest.fixture
def listed(tmp_path):
    (tmp_path / "equivalent.txt").write_text(LISTED)
    return Equivalents.read(tmp_path / "equivalent.txt")


def test_listed_fault_is_known_with_its_reason(listed):
    assert listed.reason(_fault(TEXT), TEXT) == "The two are never equal."


def test_listed_fault_is_known_where_its_lines_have_moved(listed):
    moved = f"import x\n\n\nclass A:\n    {TEXT}"

    assert listed.reason(_fault(moved, "conveyor/elsewhere/deadline.py"), moved)


@pytest.mark.parametrize(
    ("text", "path", "new"),
    [
        (TEXT, "conveyor/convertapi/other.py", "<="),
        (TEXT, "conveyor/convertapi/deadline.py", ">="),
        (TEXT.replace("b", "c"), "conveyor/convertapi/deadline.py", "<="),
    ],
    ids=["another file", "another fault", "another line"],
)
def test_fault_that_is_not_listed_is_not_known(listed, text, path, new):
    assert listed.reason(_fault(text, path, new), text) is None


@pytest.mark.parametrize(
    "paragraph",
    ["a.py\n- x\n+ y", "# Why.\n- x\n+ y", "# Why.\na.py", "# Why.\na.py\nb.py\n- x\n+ y"],
    ids=["no reason", "no file", "no lines", "two files"],
)
def test_paragraph_that_lacks_something_is_refused(tmp_path, paragraph):
    (tmp_path / "equivalent.txt").write_text(paragraph)
    with pytest.raises(ValueError, match="give a reason"):
        Equivalents.read(tmp_path / "equivalent.txt")


def test_missing_list_knows_nothing(tmp_path):
    assert Equivalents.read(tmp_path / "none.txt").reason(_fault(TEXT), TEXT) is None
