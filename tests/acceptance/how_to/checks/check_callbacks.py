import importlib
import subprocess
import sys
import time
from pathlib import Path


def check(_page):
    mails = importlib.import_module("mails")  # the page has written it
    command = [sys.executable, "-m", "celery", "-A", "mails", "worker", "--pool", "solo"]
    with Path("log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as worker:
        try:
            Path("broken.docx").write_bytes(b"no document at all")
            mails.enqueue("report.docx", "a@example.com")
            failed = mails.enqueue("broken.docx", "b@example.com")
            words = [
                "To a@example.com: report.pdf is at ",
                f"To b@example.com: conversion {failed}",
            ]
            deadline = time.monotonic() + 120
            while not all(each in Path("log").read_text() for each in words):
                assert time.monotonic() < deadline, Path("log").read_text()
                assert worker.poll() is None, Path("log").read_text()
                time.sleep(0.1)
        finally:
            worker.terminate()
