"""Logs go through one formatter, and those that hold addresses are quiet."""

from __future__ import annotations

import gc
import logging
import sys

import pytest
import structlog
from celery import signals

from workers import logs

QUIET = {
    **dict.fromkeys(("urllib3", "requests", "fsspec", "s3fs", "botocore"), logging.ERROR),
    **dict.fromkeys(("celery.worker.strategy", "celery.app.trace"), logging.WARNING),
}


@pytest.fixture
def root():
    """The root logger, which is as it was after the test."""
    root, level, handlers = logging.getLogger(), logging.getLogger().level, []
    handlers[:] = root.handlers
    levels = {name: logging.getLogger(name).level for name in QUIET}
    yield root
    root.setLevel(level)
    root.handlers[:] = handlers
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def test_every_logger_writes_through_one_handler_to_standard_error(root):
    root.addHandler(logging.NullHandler())
    logs._set_up_root("WARNING", "json")
    (handler,) = root.handlers

    assert handler.stream is sys.stderr
    assert type(handler.formatter) is structlog.stdlib.ProcessorFormatter
    assert root.level == logging.WARNING


@pytest.mark.parametrize(("name", "level"), QUIET.items())
def test_logger_that_tells_addresses_or_every_message_is_quiet(root, name, level):
    logging.getLogger(name).setLevel(logging.DEBUG)
    logs._set_up_root("DEBUG", "json")

    assert logging.getLogger(name).level == level


def _line(form, **record):
    formatter = logs._formatter(form)
    given = {"name": "kombu", "levelno": logging.WARNING, "levelname": "WARNING", **record}
    return formatter.format(logging.makeLogRecord(given))


def _exc_info():
    secret = "hush"  # a local, which no traceback may show
    try:
        return int(f"why {secret[:0]}")
    except ValueError:
        return sys.exc_info()


def test_line_of_another_library_is_json_with_its_level_logger_and_time():
    line = _line("json", msg="lost %s", args=("connection",))

    assert '"event": "lost connection"' in line
    assert '"level": "warning"' in line
    assert '"logger": "kombu"' in line
    assert line.rstrip("}").endswith('Z"')


@pytest.mark.parametrize("form", ["json", "console"])
def test_traceback_is_shown_without_the_values_of_variables(form):
    line = _line(form, msg="failed", exc_info=_exc_info())

    assert "ValueError: invalid literal" in line
    assert "hush" not in line


def test_console_is_for_people(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    line = _line("console", msg="lost connection")

    assert "lost connection" in line
    assert not line.startswith("{")
    # A file is no terminal: it gets no colours.
    assert "\x1b" not in line


@pytest.fixture
def no_receivers(monkeypatch):
    monkeypatch.setattr(signals.setup_logging, "receivers", [])


def test_worker_sets_its_logs_up_in_celerys_place(root, no_receivers, monkeypatch):
    configured = []
    monkeypatch.setattr(logs, "_configure", configured.append)
    logs.install("ERROR", "json")
    # A signal that held its receiver weakly would have lost it by now.
    gc.collect()
    before = list(root.handlers)
    assert root.handlers == before
    signals.setup_logging.send(None)

    assert configured == ["ERROR"]
    assert root.level == logging.ERROR


def test_process_that_is_no_worker_sets_them_up_at_once(root, monkeypatch):
    configured = []
    monkeypatch.setattr(logs, "_configure", configured.append)
    logs.set_up("ERROR", "console")

    assert configured == ["ERROR"]
    assert root.level == logging.ERROR


def test_least_level_and_form_are_structlogs_too(monkeypatch):
    given = {}
    monkeypatch.setattr(logs.structlog, "configure", lambda **options: given.update(options))
    logs._configure("ERROR")

    logger = given["wrapper_class"](None, [], {})
    assert logger.info("nothing") is None
    assert given["cache_logger_on_first_use"] is True
    assert type(given["logger_factory"]) is structlog.stdlib.LoggerFactory
    assert [(it.fmt, it.utc) for it in given["processors"] if hasattr(it, "fmt")] == [("iso", True)]
    names = [getattr(it, "__name__", type(it).__name__) for it in given["processors"]]
    assert names == [
        *("merge_contextvars", "add_log_level", "add_logger_name", "TimeStamper"),
        "wrap_for_formatter",
    ]
