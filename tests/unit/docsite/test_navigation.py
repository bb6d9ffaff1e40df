from __future__ import annotations

import pytest

from docsite.navigation import expanded


@pytest.fixture
def docs(tmp_path):
    for name in ("a.md", "how/z.md", "how/b.md", "how/index.md", "how/deeper/c.md", "how/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("nav", "found"),
    [
        (["a.md", {"B": "b.md"}], ["a.md", {"B": "b.md"}]),
        (["how/"], ["how/index.md", "how/b.md", "how/z.md"]),
        (
            [{"How": ["a.md", "how/"]}],
            [{"How": ["a.md", "how/index.md", "how/b.md", "how/z.md"]}],
        ),
        ([{"Empty": ["nowhere/"]}, "a.md"], ["a.md"]),
        ([{"Outer": [{"Inner": ["nowhere/"]}]}], []),
        ([], []),
    ],
)
def test_a_folder_becomes_its_pages_with_the_index_first(nav, found, docs):
    assert expanded(nav, docs) == found
