"""The `curl` lines of `docs/http.md`, run as they are written."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from conveyor import State
from local_stack.environment import ROOT, child_environment
from local_stack.stack import LocalStack

pytestmark = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("bash")),
    reason="the lines are for bash and curl: one of them is not here",
)

BLOCK = re.compile(r"<!-- curl -->\n```bash\n(.*?)```\n<!-- /curl -->", re.DOTALL)
STATES = ["queued", "converting", "ready", "succeeded"]


@pytest.fixture(scope="module")
def stack():
    with LocalStack(web=True) as running:
        yield running


@pytest.fixture
def script():
    (block,) = BLOCK.findall((ROOT / "docs" / "http.md").read_text())
    return block


def test_the_pages_lines_convert_list_and_cancel(script, site, tmp_path):
    shutil.copy(ROOT / "examples" / "report.docx", tmp_path)
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=child_environment({}) | {"CONVEYOR": site.stack.web_url},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    told = [json.loads(data) for data in re.findall(r"^data: (.*)$", ran.stdout, re.MULTILINE)]
    assert [event["state"] for event in told] == STATES
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")
    page, cancelled = _answers(ran.stdout)
    assert [each["id"] for each in page["conversions"]] == [told[0]["conversion"]]
    # A fast service may have been done before.
    assert cancelled["state"] in (State.CANCELLED, State.SUCCEEDED)
    assert site.look(cancelled["id"])["state"] == cancelled["state"]


def _answers(printed):
    """The JSON objects among what was printed; curl writes no line's end after them."""
    text, found, decoder = printed.rpartition("\n\n")[2], [], json.JSONDecoder()
    while text := text.lstrip():
        answer, end = decoder.raw_decode(text)
        found.append(answer)
        text = text[end:]
    return found
