"""The page in a real browser: Chromium, the `web` process and a whole stack behind it."""

from __future__ import annotations

import secrets
import shutil
from hashlib import sha256
from urllib.parse import urljoin

import pytest
from playwright.sync_api import expect, sync_playwright

from local_stack import commands
from local_stack.environment import ROOT, child_environment
from local_stack.ports import LOOPBACK, free_port
from local_stack.process import Child
from local_stack.stack import LocalStack

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PRODUCER = ("BROKER_URL", "REDIS_URL", "RESULT_BACKEND", "STORAGE_URL", "LOG_FORMAT")
# Told as an error, so that it counts as one of the page's complaints.
REFUSED_CSP = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
"""


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"the page is tested in Chromium: none of {', '.join(BROWSERS)} is here")
    # A quiet page looks again after five seconds only, and machines are busy.
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*OPTIONS])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def stack():
    """Conversions take long enough to be seen on their way; what can't be stored ends at once."""
    with LocalStack(
        flower=True,
        web=True,
        sandbox_options=("--duration", "0.8"),
        settings={"STORAGE_RETRIES": "0"},
    ) as running:
        yield running


@pytest.fixture(scope="module")
def web(stack):
    return f"{stack.web_url}/"


@pytest.fixture(scope="module")
def guarded_web(stack):
    """A second one, which asks for a key: its address, and the key."""
    key, port = secrets.token_urlsafe(16), free_port()
    ours = {name: value for name, value in stack.settings().items() if name in PRODUCER}
    keys = f"page:{sha256(key.encode()).hexdigest()}"
    child = Child(
        "guarded-web",
        commands.web(),
        log=stack.directory / "guarded-web.log",
        env=child_environment({**ours, "WEB_PORT": str(port), "WEB_API_KEYS": keys}),
        cwd=ROOT,
    )
    child.start()
    try:
        child.wait_ready(lambda: "web ready on" in child.printed())
        yield f"http://{LOOPBACK}:{port}/", key
    finally:
        child.stop()


@pytest.fixture
def open_page(browser):
    """Opens a page with a session of its own; whatever it complained of fails the test."""
    contexts, complaints = [], []

    def open_page(
        address, *, width=1280, height=800, scheme="light", language="en", may_complain=False
    ):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            locale=language,
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        # Else the browser is told to hand choosers over only when a test begins to wait for one,
        # and a key press is faster.
        page.on("filechooser", lambda _: None)
        if not may_complain:
            page.add_init_script(REFUSED_CSP)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
            page.on("request", lambda asked: complaints.extend(_foreign(asked.url, address)))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(open_page, web):
    return open_page(web)


def _foreign(url, address):
    if not url.startswith((urljoin(address, "/"), "blob:", "data:")):
        yield f"it asked {url}"
