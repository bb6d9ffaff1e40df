import threading
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def check(page):
    Path("index.html").write_text("<h1>Words</h1>", encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory="."))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site = f"http://127.0.0.1:{server.server_port}"
    with closing(server.socket):
        document = page.enqueue(f"{site}/report.docx")
        pages = page.photograph(f"{site}/index.html")
        for conversion_id in (document, pages):
            (file,) = page.conveyor.handle(conversion_id).wait(timeout=120).files
            assert b"".join(page.conveyor.storage.read(file.uri)).startswith(b"%PDF")
        server.shutdown()
