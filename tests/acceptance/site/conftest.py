"""The docs site, built as `make docs` builds it, and served on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

# Chromium, with whatever a page complains of.
from tests.acceptance.page.conftest import browser, open_page  # noqa: F401 - fixtures of these tests
from workers.local.environment import ROOT
from workers.local.ports import LOOPBACK


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def _served(folder):
    with ThreadingHTTPServer((LOOPBACK, 0), partial(_Quiet, directory=folder)) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://{LOOPBACK}:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of the site, and what the build said."""
    folder = tmp_path_factory.mktemp("site")
    ran = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return folder, ran


@pytest.fixture(scope="module")
def site(built):
    folder, ran = built
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.fixture(scope="module")
def address(site):
    with _served(site) as address:
        yield address


@pytest.fixture(scope="module")
def pictures():
    with _served(ROOT / "docs" / "pictures") as address:
        yield address
