"""Rules of the house that no tool checks."""

from __future__ import annotations

import ast
import re
import tokenize
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    *("conveyor", "convertapi_sandbox", "config", "workers", "tasks", "web"),
    *("local_stack", "pytest_conveyor"),
)
MODULES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SANDBOX = (
    "convertapi_sandbox",
    tomllib.loads((ROOT / "convertapi_sandbox" / "pyproject.toml").read_text(encoding="utf-8")),
)

# Children of the local stack get the machine's environment; the sandbox's programs are others'.
MAY_PASS_ON_THE_ENVIRONMENT = ("local_stack/", "convertapi_sandbox/")


# Redis' clock alone decides. A host's dates what is shown to people, and what others sign or count.
MAY_READ_THE_CLOCK = (
    "convertapi_sandbox/",  # the vendor's side
    "conveyor/ledger/in_memory/clock.py",  # where a test's clock begins
    "conveyor/live/",  # dates its recordings and reports
    "conveyor/cli/",  # shows ages
    "conveyor/convertapi/head_values.py",  # an answer that has no date of its own
    "workers/about.py",  # shows for how long a task has run
    "workers/announcing.py",  # dates events for Flower, as Celery does, and decides nothing
    "workers/checks.py",  # compares it with Redis'
    "workers/credentials.py",  # JWTs expire by it
    "web/conversions.py",  # shows when one was accepted that can't be read just now
    "web/limits.py",  # counts one process's requests
    "web/outcome.py",  # shows ages
)


def _name(path):
    return path.relative_to(ROOT).as_posix()


@cache
def _tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def _found(look, exceptions=()):
    """What a look at each module's tree finds, by the module's name."""
    paths = [path for path in MODULES if not exceptions or not _name(path).startswith(exceptions)]
    found = {_name(path): list(look(_tree(path))) for path in paths}
    return {name: lines for name, lines in found.items() if lines}


OF_THE_SANDBOX = [
    path
    for path in MODULES
    if _name(path).startswith("convertapi_sandbox/") and path.name != "__init__.py"
]


def test_a_module_of_the_sandbox_lists_its_public_names():
    listed = {_name(path): _public_names(_tree(path)) for path in OF_THE_SANDBOX}

    assert [name for name, names in listed.items() if not names] == []


def _public_names(tree):
    lists = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    return lists[0] if len(lists) == 1 else []


def test_the_sandbox_names_seconds_as_the_house_does():
    """The command line's options alone spell the unit out."""
    long = {_name(path): _named_seconds(_tree(path)) for path in OF_THE_SANDBOX}

    assert {name: names for name, names in long.items() if names} == {
        "convertapi_sandbox/cli.py": {"slow_seconds", "hold_seconds"}
    }


def _named_seconds(tree):
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return {name for name in names if name.lower().endswith("_seconds")}


def _first_lines_that_say_nothing(tree):
    first, *_ = (ast.get_docstring(tree) or "nothing").splitlines()
    if not first.endswith((".", ":")):
        yield first


def _possessive_groups(tree):
    signs = (")*+", ")++", ")?+", "(?>")
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    patterns = [text for text in texts if isinstance(text, str | bytes)]
    yield from (text for text in patterns if any(sign in str(text) for sign in signs))


def test_modules_are_found():
    assert len(MODULES) > 200


def test_every_module_says_what_it_is():
    assert _found(_first_lines_that_say_nothing) == {}


@pytest.mark.parametrize("text", ["", "import os", '"""No sentence"""'])
def test_a_module_that_says_nothing_is_seen(text):
    assert list(_first_lines_that_say_nothing(ast.parse(text)))


def test_no_pattern_repeats_a_group_possessively():
    """Python before 3.11.5, Debian 12's among them, matches these wrongly (gh-106052)."""
    assert _found(_possessive_groups) == {}


@pytest.mark.parametrize("text", ['r"(a)*+"', 'rb"(?>a)"'])
def test_a_possessive_group_is_seen(text):
    assert list(_possessive_groups(ast.parse(text)))


def _reads_environment(tree):
    """The lines that touch the process's environment, however `os` is imported."""
    named = {"environ", "environb", "getenv", "getenvb", "putenv"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in named:
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (node.lineno for alias in node.names if alias.name in named)


def test_the_environment_is_read_by_the_settings_alone():
    """Pydantic reads it for them; nobody else asks."""
    assert _found(_reads_environment, MAY_PASS_ON_THE_ENVIRONMENT) == {}


@pytest.mark.parametrize(
    "text",
    ["import os\nos.environ['A']", "from os import environ", "import os as o\no.getenv('A')"],
)
def test_a_look_at_the_environment_is_seen(text):
    assert list(_reads_environment(ast.parse(text)))


def _settings_classes(tree):
    for node in ast.walk(tree):
        bases = node.bases if isinstance(node, ast.ClassDef) else ()
        if any(isinstance(base, ast.Name) and "Settings" in base.id for base in bases):
            yield node.name


def test_settings_stand_in_modules_of_their_own():
    assert {_name(path) for path in MODULES if list(_settings_classes(_tree(path)))} == {
        "config/account.py",
        "config/service.py",
        "config/settings.py",
        "config/web.py",
        "conveyor/live/settings.py",
        "conveyor/settings.py",
    }


@pytest.mark.parametrize(("package", "project"), [("conveyor", PROJECT), SANDBOX])
def test_the_version_is_said_once_more_and_the_same(package, project):
    assert import_module(package).__version__ == project["project"]["version"]


def test_both_distributions_have_the_same_licence():
    texts = [(folder / "LICENSE").read_text() for folder in (ROOT, ROOT / "convertapi_sandbox")]

    assert texts[0] == texts[1]


def test_every_package_is_checked_by_types_and_imports():
    others = {"chaos", "benchmarks", "docsite", "mutants"}
    assert set(PROJECT["tool"]["mypy"]["packages"]) == {*PACKAGES, *others}
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == set(PACKAGES)


def _mentions_redis(tree):
    yield from (
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and "redis.call(" in str(node.value)
    )


def test_a_script_for_redis_is_a_file_of_its_own():
    """`conveyor/ledger/scripts/` has them all, and tests read each of them."""
    assert _found(_mentions_redis) == {}


def test_a_script_in_a_module_is_seen():
    assert list(_mentions_redis(ast.parse("x = 1\nSCRIPT = \"return redis.call('GET', 1)\"")))


def _reads_clock(tree):
    """The lines that ask this host what time it is, however `time` and `datetime` are imported."""
    named = {"time", "time_ns", "now", "utcnow", "today", "localtime", "gmtime"}
    modules = {"time", "datetime"}
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name in modules
    } | {"datetime", "date"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in named:
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name in imported:
                yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (node.lineno for alias in node.names if alias.name in named)


def test_no_hosts_clock_decides_anything():
    """Hosts' clocks differ: 30 s behind made every slow POST run twice (invariant I1)."""
    assert _found(_reads_clock, MAY_READ_THE_CLOCK) == {}


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.time()",
        "import time as t\nt.time_ns()",
        "from time import time",
        "from datetime import datetime\ndatetime.now()",
        "import datetime as dt\ndt.datetime.utcnow()",
        "def f(clock=time.time): ...\nimport time",
    ],
)
def test_a_look_at_the_clock_is_seen(text):
    assert list(_reads_clock(ast.parse(text)))


@pytest.mark.parametrize(
    "text",
    ["import time\ntime.monotonic()", "ledger.now()", "redis.time()", "from time import sleep"],
)
def test_other_clocks_do_not_move_the_hosts_clock(text):
    assert list(_reads_clock(ast.parse(text))) == []


# What waits or measures by them: event loops, conditions, sockets' deadlines.
_SHARED = {"monotonic", "sleep", "time"}


def _replaces_a_clock(tree):
    """The lines in which a test replaces a function of `time` for all threads."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if getattr(call.func, "attr", "") != "setattr" or len(call.args) < 2:
            continue
        of, name = call.args[:2]
        owner = getattr(of, "attr", getattr(of, "id", ""))
        whole = of.value if isinstance(of, ast.Constant) else f"{owner}.{_text(name)}"
        if whole.rpartition("time.")[2] in _SHARED and "time." in whole:
            yield call.lineno


def _text(node):
    return node.value if isinstance(node, ast.Constant) else ""


def test_no_test_moves_the_clocks_of_other_threads():
    """Servers of other tests would sleep on until the suite has ended: use tests/clocks.py."""
    texts = {_name(path): path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py")}
    # Few can have one, and to parse them all takes seconds.
    found = {
        name: list(_replaces_a_clock(ast.parse(text)))
        for name, text in texts.items()
        if "setattr(" in text and "time" in text
    }

    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "text",
    [
        "m.setattr(time, 'monotonic', f)",
        "m.setattr(module.time, 'sleep', f)",
        "m.setattr('time.time', f, raising=False)",
        "m.setattr('conveyor.x.time.sleep', f)",
    ],
)
def test_a_moved_clock_is_seen(text):
    assert list(_replaces_a_clock(ast.parse(text)))


@pytest.mark.parametrize(
    "text",
    ["m.setattr(time, name, f)", "m.setattr(module, 'sleep', f)", "clocks.put(m, 'sleep', f)"],
)
def test_a_clock_of_ones_own_moves_no_other(text):
    assert list(_replaces_a_clock(ast.parse(text))) == []


@pytest.mark.parametrize("start", MAY_READ_THE_CLOCK)
def test_clock_is_read_where_permitted(start):
    """Else it needs no exception."""
    paths = [path for path in MODULES if _name(path).startswith(start)]

    assert any(list(_reads_clock(_tree(path))) for path in paths)


def _made_at(tree):
    """The nodes of a module that make its names: definitions and constants."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node
        elif isinstance(node, ast.Assign):
            yield from ((it.id, node) for it in node.targets if isinstance(it, ast.Name))


def _read_in(node):
    return [
        it for it in ast.walk(node) if isinstance(it, ast.Name) and isinstance(it.ctx, ast.Load)
    ]


def _constants_below_their_use(tree):
    """Constants that stand below where they are read, although what they need stands above it."""
    made = dict(_made_at(tree))
    first_use = {}
    for name in _read_in(tree):
        first_use[name.id] = min(name.lineno, first_use.get(name.id, name.lineno))
    for name, node in made.items():
        if not name.isupper() or first_use.get(name, node.lineno) >= node.lineno:
            continue
        needs = [made[it.id].end_lineno for it in _read_in(node) if it.id in made]
        if max(needs, default=0) < first_use[name]:
            yield name


def test_a_constant_stands_above_its_use():
    """Whoever reads a module from its top knows each figure before it is used."""
    assert _found(_constants_below_their_use) == {}


@pytest.mark.parametrize(
    ("text", "below"),
    [
        ("def f():\n    return A\nA = 1", ["A"]),
        ("class B: ...\ndef f():\n    return A\nA = B()", ["A"]),
        ("A = 1\ndef f():\n    return A", []),
        ("def f():\n    return A\nclass B: ...\nA = B()", []),
        ("def f():\n    return A\ndef g(): ...\nA: Final = [g]", []),
    ],
)
def test_a_constant_below_its_use_is_seen(text, below):
    assert list(_constants_below_their_use(ast.parse(text))) == below


EVERYWHERE = (*PACKAGES, "docsite", "chaos", "benchmarks", "examples", "tests")
EXCEPTION = re.compile(
    r"#\s*(?:noqa(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?|type:\s*ignore(?:\[[^]]*\])?)"
)


def _without_reason(path):
    """The lines that excuse something from a check, and don't say why."""
    if not EXCEPTION.search(path.read_text("utf-8")):
        return
    with tokenize.open(path) as source:
        for token in tokenize.generate_tokens(source.readline):
            words, exceptions = EXCEPTION.subn("", token.string)
            is_comment = token.type == tokenize.COMMENT
            if is_comment and exceptions and not re.search("[A-Za-z]{2}", words):
                yield token.start[0]


@pytest.mark.parametrize("folder", EVERYWHERE)
def test_every_exception_from_a_check_has_its_reason_in_its_line(folder):
    paths = (ROOT / folder).rglob("*.py")

    assert [f"{_name(path)}:{line}" for path in paths for line in _without_reason(path)] == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x = 1  # noqa: E501", [1]),
        ("x = 1  # type: ignore[misc]  # noqa: E501, N818", [1]),
        ("x = 1  # noqa", [1]),
        ("x = 1  # noqa: E501 - a table", []),
        ("x = 1  # type: ignore[misc] # Celery ships no types", []),
        ('x = "# noqa: E501"', []),
    ],
)
def test_an_exception_without_a_reason_is_seen(tmp_path, line, expected):
    path = tmp_path / "module.py"
    path.write_text(f"{line}\n", encoding="utf-8")

    assert list(_without_reason(path)) == expected
