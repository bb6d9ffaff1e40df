"""Which sources make which conversions."""

from __future__ import annotations

import pytest

from conveyor.cli.orders import Order, orders_of


def sources_of(orders):
    return [order.sources for order in orders]


@pytest.mark.parametrize(
    ("to", "together", "expected"),
    [
        ("pdf", None, [("a",), ("b",)]),
        ("merge", None, [("a", "b")]),
        ("ZIP", None, [("a", "b")]),
        ("pdf", True, [("a", "b")]),
        ("merge", False, [("a",), ("b",)]),
    ],
)
def test_target_decides_unless_it_is_said(to, together, expected):
    assert sources_of(orders_of(["a", "b"], to, together=together, key=None)) == expected


def test_file_that_is_named_twice_is_converted_once():
    assert sources_of(orders_of(["a", "b", "a"], "pdf", together=None, key=None)) == [
        ("a",),
        ("b",),
    ]


def test_file_that_is_named_twice_is_merged_twice():
    assert sources_of(orders_of(["a", "a"], "merge", together=None, key=None)) == [("a", "a")]


def test_one_conversion_has_the_key_itself():
    assert orders_of(["a"], "pdf", together=None, key="k") == [Order(("a",), "k")]
    assert orders_of(["a", "b"], "merge", together=None, key="k") == [Order(("a", "b"), "k")]


def test_each_of_several_has_a_key_of_its_own_and_the_same_the_next_time():
    first, second = orders_of(["a", "b"], "pdf", together=None, key="k")
    again = orders_of(["b", "a" * 5000], "pdf", together=None, key="k")

    assert first.key.startswith("k:")
    assert first.key != second.key
    assert again[0].key == second.key
    assert len(again[1].key) == len(first.key)


def test_name_tells_how_many_more_there_are():
    assert Order(("a", "b", "c")).name == "a +2"
