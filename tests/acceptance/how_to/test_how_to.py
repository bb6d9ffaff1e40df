"""The pages of `docs/how-to`: their blocks run as they are written, against a real stack."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pypdf
import pytest
import requests
import yaml

from config.settings import WorkerSettings
from config.web import WebSettings
from tests.integration.storage.servers import S3
from workers.local.environment import ROOT, child_environment
from workers.local.stack import LocalStack

HERE = Path(__file__).parent
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
    with LocalStack(web=True) as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    """The reader's documents."""
    for name in ("report.docx", "second.docx"):
        shutil.copy(ROOT / "examples" / "report.docx", tmp_path / name)
    for name, width in (("a.pdf", 100), ("b.pdf", 200)):
        pdf = pypdf.PdfWriter()
        pdf.add_blank_page(width, 100)
        pdf.write(tmp_path / name)
    return tmp_path


@pytest.fixture
def run(folder):
    """Run a page with the settings of a producer on this stack."""

    def run_page(page, stack, **more):
        settings = stack.settings()
        producers = {name: settings[name] for name in ("BROKER_URL", "STORAGE_URL")}
        environment = child_environment(producers) | {
            "SANDBOX_URL": stack.sandbox_url,
            "PYTHONPATH": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}:{child_environment({})['PATH']}",
            **more,
        }
        check = HERE / "checks" / f"check_{page.stem.replace('-', '_')}.py"
        ran = subprocess.run(
            [sys.executable, str(HERE / "run_page.py"), str(page), str(check)],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr

    return run_page


@pytest.mark.parametrize("page", ON_THE_STACK, ids=lambda page: page.stem)
def test_blocks_do_what_the_page_says(run, stack, page):
    run(page, stack)


def test_blocks_about_s3_keep_the_files_in_a_bucket(run, folder):
    (page,) = (page for page in RUN if page.stem == "s3")
    with pytest.MonkeyPatch.context() as patch, S3(folder) as bucket:
        # The workers and the reader find it as the page says.
        for name, value in bucket.environment().items():
            patch.setenv(name, value)
        with LocalStack(settings={"STORAGE_URL": f"{bucket.url}/conveyor"}) as stack:
            run(page, stack, **bucket.environment())

        assert any(name.startswith("conveyor/results/") for name in bucket.objects())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_settings_on_the_page_are_the_codes(page):
    """Blocks of `sh` start servers and name the reader's hosts, so they are not run."""
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


def test_index_lists_every_page():
    index = (ROOT / "docs" / "how-to" / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"\(([\w-]+\.md)\)", index)

    assert sorted(listed) == [page.name for page in PAGES if page.name != "index.md"]
