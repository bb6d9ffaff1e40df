from __future__ import annotations

import pytest

from docsite.navigation import expanded


@pytest.fixture
def docs(tmp_path):
    for name in (
        "a.md",
        "how/z.md",
        "how/b.md",
        "how/y.md",
        "how/index.md",
        "how/deeper/c.md",
        "how/d.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "how/index.md").write_text("[Z](z.md) and [again](z.md), then [Y](y.md#why)")
    return tmp_path


@pytest.mark.parametrize(
    ("nav", "found"),
    [
        (["a.md", {"B": "b.md"}], ["a.md", {"B": "b.md"}]),
        (["how/"], ["how/index.md", "how/z.md", "how/y.md", "how/b.md"]),
        (
            [{"How": ["a.md", "how/"]}],
            [{"How": ["a.md", "how/index.md", "how/z.md", "how/y.md", "how/b.md"]}],
        ),
        ([{"Empty": ["nowhere/"]}, "a.md"], ["a.md"]),
        ([{"Outer": [{"Inner": ["nowhere/"]}]}], []),
        ([], []),
    ],
)
def test_a_folder_becomes_its_pages_in_the_order_of_its_index(nav, found, docs):
    assert expanded(nav, docs) == found
