"""The pages of `docs/how-to`: their blocks run as they are written, against a real stack."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import convertapi
import pypdf
import pytest
import requests
import yaml

from config.settings import WorkerSettings
from config.web import WebSettings
from local_stack.environment import ROOT
from local_stack.stack import LocalStack
from tests.acceptance.how_to.run_page import BLOCK, run_page
from tests.integration.storage.servers import S3

pytestmark = pytest.mark.skipif(
    not shutil.which("bash"), reason="some of the lines are for bash: it is not here"
)

PAGES = sorted((ROOT / "docs" / "how-to").glob("*.md"))
# `run_page.py` runs these two. S3 has a stack of its own below.
RUN = [page for page in PAGES if re.search(r"```(python|bash)", page.read_text(encoding="utf-8"))]
ON_THE_STACK = [page for page in RUN if page.stem != "s3"]
SHELL = re.compile(r"^ *```sh\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
SETTINGS = {
    f"CONVEYOR_{name}".upper()
    for settings in (WorkerSettings, WebSettings)
    for name in settings.model_fields
}


@pytest.fixture(scope="module")
def stack():
    with LocalStack(web=True, settings={"LINK_KEY": "key-of-the-readers-links"}) as running:
        yield running


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The reader's, with documents in it."""
    for name in ("report.docx", "second.docx"):
        shutil.copy(ROOT / "examples" / "report.docx", tmp_path / name)
    for name, width in (("a.pdf", 100), ("b.pdf", 200)):
        pdf = pypdf.PdfWriter()
        pdf.add_blank_page(width, 100)
        pdf.write(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.fixture
def settings_of(monkeypatch):
    """Take the settings of a producer on a stack, as the reader sources them."""

    def take(stack):
        settings = stack.settings()
        named = {f"CONVEYOR_{name}": settings[name] for name in ("BROKER_URL", "STORAGE_URL")}
        if "LINK_KEY" in settings:
            named |= {"CONVEYOR_LINK_URL": stack.web_url, "CONVEYOR_LINK_KEY": settings["LINK_KEY"]}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        more = {"SANDBOX_URL": stack.sandbox_url, "PYTHONPATH": str(ROOT), "PATH": path}
        for name, value in (named | more).items():
            monkeypatch.setenv(name, value)

    return take


@pytest.mark.parametrize("page", ON_THE_STACK, ids=lambda page: page.stem)
def test_blocks_do_what_the_page_says(folder, settings_of, stack, page):
    settings_of(stack)
    run_page(page)


def test_blocks_about_s3_keep_the_files_in_a_bucket(folder, settings_of, monkeypatch):
    (page,) = (page for page in RUN if page.stem == "s3")
    with S3(folder) as bucket:
        # The workers find it as the reader does.
        for name, value in bucket.environment().items():
            monkeypatch.setenv(name, value)
        with LocalStack(settings={"STORAGE_URL": f"{bucket.url}/conveyor"}) as stack:
            settings_of(stack)
            run_page(page)

        assert any(name.startswith("conveyor/results/") for name in bucket.objects())


# The client leaves files that it uploads open.
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_lines_with_the_official_client_convert(folder, stack, monkeypatch):
    page = (ROOT / "docs" / "why-not-just.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.setattr(convertapi, "base_uri", f"{stack.sandbox_url}/")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("CONVERTAPI_TOKEN", stack.settings()["API_SECRET"])
    (folder / "results").mkdir()
    exec(block, {})

    assert (folder / "results" / "report.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_settings_on_the_page_are_the_codes(page):
    """Blocks of `sh` start servers and name the reader's hosts, so they are not run.

    Nor is the block for nginx, which is not here. It was tried by hand with nginx 1.22.
    """
    named = re.findall(r"CONVEYOR_[A-Z_]+", page.read_text(encoding="utf-8"))

    assert set(named) <= SETTINGS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_that_are_not_run_are_at_least_shell(page):
    for block in SHELL.findall(page.read_text(encoding="utf-8")):
        subprocess.run(["bash", "-n", "-c", block], check=True)


def test_metrics_on_the_page_are_served(stack):
    page = (ROOT / "docs" / "how-to" / "monitor.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    served = requests.get(f"{stack.web_url}/metrics", timeout=60).text

    # Prometheus is not here: its file is read, and not run.
    assert yaml.safe_load(block)["scrape_configs"][0]["job_name"] == "conveyor"
    assert [name for name in re.findall(r"`(conveyor_\w+)`", page) if name not in served] == []


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_no_block_of_the_page_is_passed_over(page):
    text = page.read_text(encoding="utf-8")

    assert len(BLOCK.findall(text)) == len(re.findall(r"```(?:python|bash)", text))


def test_index_lists_every_page():
    index = (ROOT / "docs" / "how-to" / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"\(([\w-]+\.md)\)", index)

    assert sorted(listed) == [page.name for page in PAGES if page.name != "index.md"]
