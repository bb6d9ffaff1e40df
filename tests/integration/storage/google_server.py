"""gcp-storage-emulator on a port that it finds free, which it prints."""

from __future__ import annotations

import logging
import sys
import threading
from urllib.parse import urlsplit

from gcp_storage_emulator import server

# It cuts a name at a semicolon, which Google's own takes as any other letter.
server.urlparse = urlsplit
logging.basicConfig(level=logging.INFO, format="%(message)s")
emulator = server.create_server("127.0.0.1", 0, in_memory=True, default_bucket=sys.argv[1])
emulator.start()
_host, port = emulator._api._httpd.server_address
sys.stderr.write(f"Listening on 127.0.0.1:{port}\n")
sys.stderr.flush()
threading.Event().wait()
