"""`docs/tutorial.md`: its blocks are the example's files, and its lines run as they are written."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conveyor import Reason
from local_stack.environment import ROOT
from local_stack.ports import free_port
from local_stack.process import Child

EXAMPLE = ROOT / "examples" / "shop_fastapi"
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
PYTHON = re.compile(r'^```python title="(.+?)"\n(.*?)^```$', re.DOTALL | re.MULTILINE)
BASH = re.compile(r"^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ADDRESS = "http://127.0.0.1:8000"
# The same as the entry point of an installed one.
PLUGIN = ("-p", "pytest_conveyor")
# Celery logs how a task of the application fails, and so its errbacks are called.
pytestmark = pytest.mark.tracebacks("KeyError")


def lines_of(text):
    """Blank lines say nothing: between two blocks of the page there is one, or two."""
    return [line for line in text.splitlines() if line]


@pytest.mark.parametrize("name", ["shop.py", "test_shop.py"])
def test_blocks_of_the_page_are_the_examples_file(name):
    blocks = "\n".join(block for title, block in PYTHON.findall(PAGE) if title == name)

    assert lines_of(blocks) == lines_of((EXAMPLE / name).read_text(encoding="utf-8"))


def test_every_block_of_python_belongs_to_a_file():
    assert PAGE.count("```python") == len(PYTHON.findall(PAGE))


@pytest.fixture
def folder(tmp_path):
    """The reader's own, beside the checkout."""
    shop = Path(shutil.copytree(EXAMPLE, tmp_path / "shop"))
    shutil.copy(ROOT / "examples" / "report.docx", shop)
    return shop


@pytest.fixture
def environment(stack, example_environment):
    """What the page has its reader source; `conveyor` and the rest are on the path."""
    # The same as the reader's `pip install` of the checkout.
    return {
        **example_environment,
        "SANDBOX_URL": stack.sandbox_url,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}:{example_environment['PATH']}",
    }


@pytest.fixture
def shop(stack, folder, environment):
    """The shop and its own worker, started as the page says; gives the shop's address."""
    port = free_port()
    commands = {
        "shop": ("-m", "uvicorn", "shop:app", "--port", str(port)),
        "mailer": ("-m", "celery", "-A", "shop:celery", "worker", "--loglevel", "INFO"),
    }
    children = {
        name: Child(
            name,
            [sys.executable, *command],
            log=stack.directory / f"{name}.log",
            env=environment,
            cwd=folder,
        )
        for name, command in commands.items()
    }
    try:
        for child in children.values():
            child.start()
        children["shop"].wait_ready(lambda: "Uvicorn running" in children["shop"].printed())
        children["mailer"].wait_ready(lambda: "ready." in children["mailer"].printed())
        yield f"http://127.0.0.1:{port}", children["mailer"]
    finally:
        for child in children.values():
            child.stop()


def is_at_rest(conveyor):
    """Whether every conversion has ended: a reader looks again until it has."""
    states = conveyor.fleet().states
    return not any(states[name] for name in ("queued", "converting", "ready"))


@pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("bash")),
    reason="the lines are for bash and curl: one of them is not here",
)
def test_lines_of_the_page_run_as_written(folder, environment, shop, conveyor, until):
    address, mailer = shop
    said = []
    for block in BASH.findall(PAGE):
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.replace(ADDRESS, address)],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (ran.returncode, ran.stderr.count("Traceback")) == (0, 0), ran.stderr
        said.append(ran.stdout)
        until(lambda: is_at_rest(conveyor))

    first, ended, _pdf, bobs, again, second, failed, dead, unlocked, whole = said
    assert json.loads(first) == {"invoice": 1}
    assert json.loads(ended)["state"] == "succeeded"
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    assert bobs.count("You have no such invoice.") == 2
    assert (again, second.endswith('{"invoice":2}')) == (first, True)
    assert json.loads(failed)["failure"] == Reason.PASSWORD.sentence()
    assert json.loads(failed)["wants_password"] is True
    assert re.search(r"docx:pdf\s+input\s+password\s+5003\s", dead)
    assert unlocked.endswith('{"invoice":2}')
    assert json.loads(whole)["state"] == "succeeded"
    for words in ("here is your invoice 1", Reason.PASSWORD.sentence(), "here is your invoice 2"):
        until(lambda words=words: words in mailer.printed())
    assert mailer.printed().count("here is your invoice 1") == 1


def test_tests_of_the_shop_pass(folder, environment):
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", *PLUGIN],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "5 passed" in ran.stdout
