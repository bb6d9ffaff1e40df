"""The drawings are those of the code, and the code can be drawn."""

from __future__ import annotations

import tomllib
from xml.etree import ElementTree as ET

import pytest

from conveyor.domain.conversion import State
from conveyor.ledger.transitions import Transition
from docsite.drawings import DRAWINGS, house, layers, states
from tests.unit.docs.reading import ROOT

PICTURES = ROOT / "docs" / "pictures"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_drawing_is_what_the_code_draws(name):
    """Else: make drawings."""
    assert (PICTURES / name).read_text(encoding="utf-8") == DRAWINGS[name]()


def test_every_drawing_has_its_maker():
    assert {path.name for path in PICTURES.glob("*.svg")} == set(DRAWINGS)


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_has_a_title_and_colours_for_light_and_dark(name):
    root = ET.fromstring(DRAWINGS[name]())

    assert root.findtext(f"{SVG}title")
    assert "prefers-color-scheme: dark" in root.findtext(f"{SVG}style")


def _texts(name):
    return [each.text for each in ET.fromstring(DRAWINGS[name]()).iter(f"{SVG}text")]


def test_the_states_show_every_state_and_every_transition():
    text = " ".join(_texts("states.svg")).replace(",", " ").replace(".", " ").split()

    assert {*State, *states.TRANSITIONS} <= set(text)


@pytest.mark.parametrize(
    "row",
    [
        Transition("leap", frozenset({State.QUEUED}), State.SUCCEEDED),
        Transition("rest", frozenset({State.QUEUED, State.READY}), None),
    ],
)
def test_a_transition_that_has_no_place_is_refused_by_name(row, monkeypatch):
    monkeypatch.setattr(states, "TRANSITIONS", {**states.TRANSITIONS, row.name: row})

    with pytest.raises(LookupError, match=row.name):
        states.draw()


def test_a_way_that_no_transition_goes_any_more_is_refused(monkeypatch):
    without = {name: row for name, row in states.TRANSITIONS.items() if name != "replay"}
    monkeypatch.setattr(states, "TRANSITIONS", without)

    with pytest.raises(LookupError):
        states.draw()


def test_the_house_has_every_package_under_contract():
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert set(document["tool"]["importlinter"]["root_packages"]) <= set(house.imports())
    assert set(house.imports()) == set(house._IDEAS)


def test_the_house_knows_imports_that_are_certain():
    imports = house.imports()

    assert "workers" in imports["tasks"]
    assert "conveyor.domain" in imports["conveyor.ledger"]
    assert imports["conveyor.errors, names, …"] == set()


def _graph(**edges):
    return {node: frozenset(targets.split()) for node, targets in edges.items()}


def test_layers_leave_out_what_others_imply_and_give_a_long_way_a_place():
    found = layers.laid_out(_graph(a="b c d", b="c", c="", d=""))

    assert [set(row) for row in found.rows] == [{"a"}, {"a>d@1", "b"}, {"c", "d"}]
    assert {way.nodes for way in found.ways} == {("a", "b"), ("b", "c"), ("a", "a>d@1", "d")}


def test_layers_point_down():
    found = layers.laid_out(_graph(a="b c", b="d", c="d", d=""))
    level = {node: at for at, row in enumerate(found.rows) for node in row}

    assert found.ways
    for way in found.ways:
        assert [level[node] for node in way.nodes] == list(
            range(level[way.nodes[0]], level[way.nodes[-1]] + 1)
        )


def test_layers_untangle_ways_that_need_not_cross():
    found = layers.laid_out(_graph(a="y", b="x", x="", y=""))
    place = {node: at for row in found.rows for at, node in enumerate(row)}

    assert (place["a"] < place["b"]) is (place["y"] < place["x"])


def test_a_circle_is_refused_and_shown():
    with pytest.raises(ValueError, match="a -> b -> a"):
        layers.laid_out(_graph(a="b", b="a"))
