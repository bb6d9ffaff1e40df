"""Runs the blocks of a page in their order, as its reader does, and then looks at what came of it.

A block of Python with a title is saved under it, one without is run here. Blocks of `bash` are run
by bash. Blocks of `sh` start servers or name places of the reader's, and are not run.
"""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace

BLOCK = re.compile(
    r'^(?P<margin> *)```(?P<kind>python|bash)(?: title="(?P<title>.+?)")?\n(?P<code>.*?)^ *```$',
    re.DOTALL | re.MULTILINE,
)


def main(page, check):
    sys.path.insert(0, str(Path.cwd()))
    shown = {"__name__": "__main__"}
    for block in BLOCK.finditer(Path(page).read_text(encoding="utf-8")):
        code = dedent(block["code"])
        if block["kind"] == "bash":
            subprocess.run(["bash", "-euo", "pipefail", "-c", code], check=True)
        elif block["title"]:
            Path(block["title"]).write_text(code, encoding="utf-8")
        else:
            exec(compile(code, page, "exec"), shown)
    spec = importlib.util.spec_from_file_location("check", check)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.check(SimpleNamespace(**shown))


if __name__ == "__main__":
    main(*sys.argv[1:])
