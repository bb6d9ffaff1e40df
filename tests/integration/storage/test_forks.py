"""An object store after a fork: its file system has a thread of its own, and connections."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from local_stack.environment import child_environment

PROGRAM = Path(__file__).parents[1] / "processes" / "program.py"
PATIENCE_S = 200


def test_children_stage_into_a_store_while_their_parent_does(servers, redis_url):
    server = servers["s3"]
    settings = {
        "BROKER_URL": redis_url,
        "REDIS_URL": redis_url,
        "RESULT_BACKEND": redis_url,
        "STORAGE_URL": server.url,
    }

    ended = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(PROGRAM), "fork_while_others_stage"],
        env={**child_environment(settings), **server.environment()},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == ["ok"] * 2
