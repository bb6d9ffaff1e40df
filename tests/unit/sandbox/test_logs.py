from __future__ import annotations

import logging

from convertapi_sandbox.logs import log


def test_without_logging_set_up_a_sandbox_in_a_thread_prints_nothing(capsys):
    log.info("converted", outcome="succeeded")

    assert capsys.readouterr() == ("", "")


def test_an_event_is_one_line_with_its_level_and_fields(caplog):
    caplog.set_level(logging.INFO, "convertapi_sandbox")

    log.info("converted", source_format="md", target_format="html")

    (message,) = caplog.messages
    assert "[info     ] converted" in message
    assert "source_format=md target_format=html" in message
    assert "\n" not in message


def _break():
    secret = "hush"
    raise ValueError(len(secret))


def test_a_traceback_shows_no_local_variables(caplog):
    try:
        _break()
    except ValueError:
        log.exception("converter_broke")

    (message,) = caplog.messages
    assert "converter_broke" in message
    assert "in _break" in message
    assert "'hush'" not in message
