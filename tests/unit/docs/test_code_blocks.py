"""Every block of code in the documents can be read by what it is for."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.util import find_spec

import pytest
import yaml
from pygments.lexers import get_lexer_by_name

import conveyor
from tests.unit.docs import reading

PARSERS = {"json": json.loads, "toml": tomllib.loads, "yaml": lambda text: list(_documents(text))}
# What the documents call by these names.
KNOWN = {"conveyor": conveyor.Conveyor, "handle": conveyor.Handle}


@pytest.fixture(scope="module")
def python_blocks():
    # Not where the module is imported: each process of the tests would parse all documents.
    blocks = list(reading.blocks("python"))
    assert blocks
    return blocks


def _documents(text):
    return yaml.safe_load_all(text)


def compiled(text):
    """The tree of a block, which may await outside of a function."""
    return compile(text, "block", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_every_python_block_compiles(python_blocks):
    assert raised_by(python_blocks, lambda block: compiled(block.text)) == {}


def test_every_python_block_imports_what_exists(python_blocks):
    found = {str(block): list(missing(block)) for block in python_blocks}
    assert {block: names for block, names in found.items() if names} == {}


def test_every_python_block_calls_the_library_as_it_is(python_blocks):
    found = {str(block): list(wrong_calls(block.text)) for block in python_blocks}
    assert {block: calls for block, calls in found.items() if calls} == {}


def test_python_blocks_have_the_house_form(python_blocks, tmp_path):
    for number, block in enumerate(python_blocks):
        (tmp_path / f"{number}.py").write_text(block.text, encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff", "format", "--diff", "--line-length", "100", "--isolated"]
    ran = subprocess.run([*ruff, tmp_path], capture_output=True, text=True, check=False)
    names = {f"{number}.py": str(block) for number, block in enumerate(python_blocks)}

    changed = {names[name] for name in re.findall(r"^--- .*?(\d+\.py)", ran.stdout, re.MULTILINE)}
    assert (changed, ran.returncode) == (set(), 0), ran.stdout + ran.stderr


def test_every_block_of_data_parses():
    data = list(reading.blocks(*PARSERS))

    assert data
    assert raised_by(data, lambda block: PARSERS[block.language](block.text)) == {}


def test_every_block_names_a_language_that_exists():
    named = [block for block in reading.blocks() if block.language]

    assert named
    assert raised_by(named, lambda block: get_lexer_by_name(block.language)) == {}


def test_what_a_block_raises_is_told_with_its_place():
    blocks = [reading.Block("README.md", line, "python", text) for line, text in enumerate("1(")]

    assert list(raised_by(blocks, lambda block: compiled(block.text))) == ["README.md:1"]


def raised_by(blocks, check):
    """What a check raises, by the block."""
    raised = {}
    for block in blocks:
        try:
            check(block)
        except (SyntaxError, ValueError, yaml.YAMLError) as error:
            raised[str(block)] = error
    return raised


def missing(block):
    """The modules and names that a block imports and that don't exist."""
    for node in ast.walk(compiled(block.text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if not _exists(block, alias.name))
        if isinstance(node, ast.ImportFrom):
            yield from _missing_names(block, node)


def _missing_names(block, node):
    if _is_the_readers(block, node.module):
        return
    if not _exists(block, node.module):
        yield node.module
        return
    module = importlib.import_module(node.module)
    for alias in node.names:
        if not hasattr(module, alias.name) and not _exists(block, f"{node.module}.{alias.name}"):
            yield f"{node.module}.{alias.name}"


def _exists(block, module):
    if _is_the_readers(block, module):
        return True
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _is_the_readers(block, module):
    """Whether the page has the reader write it: it names the module's file."""
    file = module.replace(".", "/")
    text = (reading.ROOT / block.page).read_text(encoding="utf-8")
    return f"{file}.py" in text or f"{file}/__init__.py" in text


def wrong_calls(text):
    """What a block takes from the library's objects and that they don't have."""
    tree = compiled(text)
    for node in ast.walk(tree):
        call = node if isinstance(node, ast.Call) else None
        used = call.func if call else node
        public = _known(used)
        if public is None:
            continue
        if used.attr not in _attributes(public):
            yield f"{public.__name__}.{used.attr}"
        elif call:
            yield from _wrong_arguments(public, used.attr, call)


@cache
def _attributes(public):
    """What an instance has: the names of its class, and those that the class assigns to it."""
    tree = ast.parse(inspect.getsource(public))
    assigned = (each for each in ast.walk(tree) if isinstance(each, ast.Attribute))
    return {*dir(public), *(each.attr for each in assigned if isinstance(each.ctx, ast.Store))}


def _known(node):
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return KNOWN.get(node.value.id)
    return None


def _wrong_arguments(public, name, call):
    parameters = inspect.signature(getattr(public, name)).parameters
    for keyword in call.keywords:
        if keyword.arg and keyword.arg not in parameters:
            yield f"{public.__name__}.{name}({keyword.arg}=…)"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import nowhere", ["nowhere"]),
        ("from conveyor import Nothing", ["conveyor.Nothing"]),
        ("from conveyor.nowhere import Nothing", ["conveyor.nowhere"]),
        ("from conveyor import domain, Conveyor", []),
    ],
)
def test_an_import_of_nothing_is_seen(text, found):
    assert list(missing(reading.Block("README.md", 1, "python", text))) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("conveyor.nothing()", ["Conveyor.nothing"]),
        ("await handle.nothing", ["Handle.nothing"]),
        ("conveyor.convert('a.docx', into='pdf')", ["Conveyor.convert(into=…)"]),
        ("conveyor.convert('a.docx', to='pdf')", []),
    ],
)
def test_a_call_of_what_the_library_lacks_is_seen(text, found):
    assert list(dict.fromkeys(wrong_calls(text))) == found
