"""Runs the blocks of a page in their order, as its reader does, and then looks at what came of it.

A block of Python with a title is saved under it, one without is run here. Blocks of `bash` are run
by bash. Blocks of `sh` start servers or name places of the reader's, and are not run.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from runpy import run_path
from textwrap import dedent
from types import SimpleNamespace

BLOCK = re.compile(
    r'^ *```(?P<kind>python|bash)(?: title="(?P<title>.+?)")?\n(?P<code>.*?)^ *```$',
    re.DOTALL | re.MULTILINE,
)
HERE = Path(__file__).parent


def run_page(page):
    """Run it in this process and this folder."""
    looks = run_path(str(HERE / "checks" / f"check_{page.stem.replace('-', '_')}.py"))
    if "prepare" in looks:
        looks["prepare"]()
    shown = {"__name__": "__main__"}
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        code = dedent(block["code"])
        if block["kind"] == "bash":
            run_bash(code)
        elif block["title"]:
            Path(block["title"]).write_text(code, encoding="utf-8")
        else:
            exec(compile(code, str(page), "exec"), shown)
    looks["check"](SimpleNamespace(**shown))
    if "conveyor" in shown:
        shown["conveyor"].close()


def run_bash(code):
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
