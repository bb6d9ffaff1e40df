"""Every command in the documents names a target, a module, a command and an option that exist."""

from __future__ import annotations

import re
import tomllib
from importlib.util import find_spec

import click
import pytest

from docsite.reference.command_line import commands
from tests.unit.deployment.test_commands import APPS, parse
from tests.unit.docs import reading

SHELLS = ("", "sh", "bash", "shell", "console")
EXTRAS = tomllib.loads((reading.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
COMMANDS = dict(commands())
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=\S*")
_TARGET = re.compile(r"^([\w./-]+(?: [\w./-]+)*):(?!=)", re.MULTILINE)
_VARIABLE = re.compile(r"^(\w+) \??:?= (\S+)$", re.MULTILINE)


def _targets():
    text = (reading.ROOT / "Makefile").read_text(encoding="utf-8")
    values = dict(_VARIABLE.findall(text))
    text = re.sub(r"\$\((\w+)\)", lambda match: values.get(match[1], match[0]), text)
    return {name for names in _TARGET.findall(text) for name in names.split()}


TARGETS = _targets()


def lines():
    """What a reader may type: the lines of blocks, and code spans."""
    for block in reading.blocks(*SHELLS):
        text = block.text.replace("\\\n", " ")
        yield from ((block.page, line) for line in text.splitlines())
    for page in reading.PAGES:
        yield from ((page, span) for span in reading.spans(page))


def calls(line):
    """The programs that a line runs, each with its words."""
    for part in re.split(r"[|;&()`]+|\s#.*", line.removeprefix("$ ")):
        words = part.split()
        while words and _ASSIGNMENT.fullmatch(words[0]):
            words.pop(0)
        if words:
            yield words[0].rpartition("/")[2], [word.strip("'\"") for word in words[1:]]


def wrong(line):
    """What a line names and that does not exist."""
    for program, words in calls(line):
        yield from CHECKS.get(program, _nothing)(words)


def _nothing(_):
    return ()


def _make(words):
    names = [word for word in words if "=" not in word and not word.startswith("-")]
    return [f"make {name}" for name in names if name not in TARGETS and _is_name(name)]


def _python(words):
    if words[:1] != ["-m"] or len(words) == 1:
        return
    try:
        spec = find_spec(words[1])
    except ModuleNotFoundError:
        spec = None
    if spec is None:
        yield f"python -m {words[1]}"
    if words[1] == "pytest":
        paths = [word.partition("::")[0] for word in words[2:] if word.startswith("tests/")]
        yield from (path for path in paths if not (reading.ROOT / path).exists())


def _conveyor(words):
    """The words up to the first that is no command; then the options of that command."""
    if words and not (_is_name(words[0]) or words[0].startswith("--")):
        return
    name = "conveyor"
    while words and f"{name} {words[0]}" in COMMANDS:
        name, words = f"{name} {words[0]}", words[1:]
    command = COMMANDS[name]
    if words and getattr(command, "commands", None) and _is_name(words[0]):
        yield f"{name} {words[0]}"
        return
    known = {option for each in command.params for option in each.opts + each.secondary_opts}
    for word in words:
        option = word.partition("=")[0]
        if option.startswith("--") and option not in known | {"--help", "--"}:
            yield f"{name} {option}"


def _celery(words):
    if words[:1] != ["-A"] or len(words) == 2 or words[1] not in APPS:
        return
    try:
        parse(" ".join(["celery", *words]), words[2])
    except (KeyError, click.UsageError) as error:
        yield f"celery {words[2]}: {error}"


def _pip(words):
    for word in words:
        extras = re.search(r"\[([\w,-]+)\]", word)
        ours = word.startswith((".", "conveyor"))
        yield from (f"pip install {word}" for name in _split(extras) if ours and name not in EXTRAS)


def _split(extras):
    return extras[1].split(",") if extras else ()


def _is_name(word):
    return re.fullmatch(r"[a-z][a-z./-]*", word) is not None


CHECKS = {
    "make": _make,
    "python": _python,
    "python3": _python,
    "conveyor": _conveyor,
    "celery": _celery,
    "pip": _pip,
}


@pytest.mark.parametrize("page", reading.PAGES)
def test_every_command_of_a_page_exists(page):
    found = {line: list(wrong(line)) for where, line in lines() if where == page}

    assert {line: names for line, names in found.items() if names} == {}


def test_each_kind_of_command_is_there_to_check():
    assert {program for _, line in lines() for program, _ in calls(line)} >= set(CHECKS)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("make nonsense", ["make nonsense"]),
        ("make PYTHON=python3.13 test", []),
        ("A=b .venv/bin/python -m nonsense", ["python -m nonsense"]),
        ("python -m pytest tests/nowhere", ["tests/nowhere"]),
        ("conveyor nonsense", ["conveyor nonsense"]),
        ("conveyor dead nonsense", ["conveyor dead nonsense"]),
        ("conveyor convert a.docx --into pdf", ["conveyor convert --into"]),
        ("conveyor convert a.docx --to=pdf", []),
        ("conveyor sandbox --nonsense", ["conveyor sandbox --nonsense"]),
        ("ls | pip install '.[nonsense]'", ["pip install .[nonsense]"]),
        ("pip install 'redis[hiredis]'", []),
    ],
)
def test_a_command_that_does_not_exist_is_seen(line, found):
    assert list(wrong(line)) == found


def test_an_option_that_celery_lacks_is_seen():
    assert list(wrong("celery -A workers.app worker --nonsense")) != []
    assert list(wrong("celery -A conveyor.worker inspect --nonsense")) != []
    assert list(wrong("celery -A workers.app nonsense")) != []
