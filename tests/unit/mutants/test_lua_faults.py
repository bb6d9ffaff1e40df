from __future__ import annotations

from pathlib import Path

import pytest

from mutants.lua_faults import faults_of

SCRIPTS = Path(__file__).parents[3] / "conveyor" / "ledger"


def _faulty(text):
    return [
        line[2:]
        for fault in faults_of("a.lua", text)
        for line in fault.diff(text)
        if line.startswith("+")
    ]


@pytest.mark.parametrize(
    ("text", "faulty"),
    [
        ("local x = a < b", ["local x = a <= b", "local x = a >= b"]),
        ("local x = a ~= b", ["local x = a == b"]),
        ("local x = a and b", ["local x = a or b"]),
        ("local x = not a", ["local x =  a"]),
        ("local x = true", ["local x = false"]),
        ("local x = a - b", ["local x = a + b"]),
        ("local x = 1", ["local x = 2"]),
        ("local x = -a", []),
        ("local x = 0.5", ["local x = 1"]),
        ("local x = 60000", ["local x = 120000"]),
        ("local x = KEYS[1]", ["local x = KEYS[2]"]),
        ("local x = 'a sentence'", []),
        ("local x = 'held'", ["local x = 'heldx'"]),
        ("local x = math.max(a, b)", ["local x = math.min(a, b)"]),
        ("local x = f(a, b)", ["local x = f(b, a)"]),
        ("-- a < b", []),
        ("return a", ["return nil"]),
        ("return nil", []),
    ],
)
def test_line_has_these_faults(text, faulty):
    assert _faulty(text) == faulty


def test_call_that_is_a_statement_is_deleted_whole():
    text = "local a = b\nredis.call('DEL', f(a))\nreturn 1"

    assert ("- redis.call('DEL', f(a))",) in [
        fault.diff(text) for fault in faults_of("a.lua", text)
    ]


def test_call_whose_answer_is_used_is_not_deleted():
    kinds = {fault.what for fault in faults_of("a.lua", "local a = redis.call('GET', KEYS[1])")}

    assert "statement deleted" not in kinds


def test_part_of_a_condition_is_not_a_statement():
    assert "if a[b]  then f() end" not in _faulty("if a[b] or (c) then f() end")


def test_name_of_a_command_and_its_place_are_left_alone():
    assert _faulty("redis.call('SET', k, v)") == [
        "redis.call('SET', v, k)",
    ]


def test_condition_is_turned_round_as_a_whole():
    assert "if not (a or b) then f() end" in _faulty("if a or b then f() end")


def test_return_in_a_block_is_replaced_up_to_the_blocks_end():
    assert "if a then return nil end" in _faulty("if a then return {b, c} end")
    assert "if a then return nil else f() end" in _faulty("if a then return b else f() end")


@pytest.mark.parametrize("script", sorted(SCRIPTS.rglob("*.lua")), ids=lambda path: path.stem)
def test_every_script_of_ours_can_have_faults_and_none_leaves_it_as_it_was(script):
    text = script.read_text()
    faults = faults_of(script.name, text)

    assert faults
    assert all(fault.apply(text) != text for fault in faults)
