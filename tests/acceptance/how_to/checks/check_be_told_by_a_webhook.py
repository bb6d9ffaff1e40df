import importlib
import os
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import make_server

# What the workers of the stack sign with.
SECRET = "whsec_Y29udmV5b3ItbG9jYWwtc3RhY2stc2VjcmV0"


@contextmanager
def serving(app):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hooks"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def check(page):
    os.environ["WEBHOOK_SECRET"] = SECRET
    hooks = importlib.import_module("hooks")  # the page has written it
    Path("broken.docx").write_bytes(b"no document at all")
    with serving(hooks.app) as url:
        done = page.enqueue("report.docx", 17, url)
        page.enqueue("broken.docx", 18, url)
        heard(hooks, 2)
        assert hooks.orders[17] == ["report.pdf"]
        assert hooks.orders[18].startswith("This file is damaged")

        # What the receiver has heard and answered is noted a moment later.
        wait_for(lambda: page.tries_of(done) == [204])
        assert page.send_again() == 0
        page.conveyor.callbacks.replay(done)
        wait_for(lambda: page.tries_of(done) == [204, 204])
    # A repeat was dropped by its id.
    assert len(hooks.seen) == 2


def heard(hooks, number):
    wait_for(lambda: len(hooks.seen) == number)


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
