"""Callbacks of `convert` and `signature`: checked early, and routed as the application routes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from celery import Celery, chain, chord, group

from conveyor import InvalidRequest, SettingsError
from conveyor.ledger.callers import dump_caller, load_caller
from conveyor.producing.callbacks import caller_of


@pytest.fixture
def app():
    made = Celery("shop", broker="memory://")
    made.conf.task_routes = {"shop.mail": {"queue": "mails"}}
    return made


@pytest.fixture
def mail(app):
    return app.signature("shop.mail", args=("ada",))


@pytest.fixture
def log(app):
    return app.signature("shop.log")


def _queues(caller):
    return [plain["options"].get("queue") for plain in caller.callbacks]


def test_no_callbacks_make_no_canvas(app):
    assert caller_of(None, None, app) is None
    assert caller_of([], [], app) is None


def test_one_signature_is_as_a_list_of_one(app, mail):
    assert caller_of(mail, None, app) == caller_of([mail], None, app)


def test_success_and_failure_are_kept_apart(mail, log):
    caller = caller_of(mail, [log, mail], None)

    assert [plain["task"] for plain in caller.callbacks] == ["shop.mail"]
    assert [plain["task"] for plain in caller.errbacks] == ["shop.log", "shop.mail"]


def test_callback_comes_back_from_the_ledger_as_it_was(app):
    values = {"at": datetime(2026, 11, 26, tzinfo=UTC), "price": Decimal("10.10"), "b": b"\xff"}
    caller = caller_of(app.signature("shop.log", kwargs=values), None, app)

    assert load_caller(dump_caller(caller)).callbacks[0]["kwargs"] == values


def test_routes_of_the_app_say_where_a_callback_goes(app, mail, log):
    assert _queues(caller_of([mail, log], None, app)) == ["mails", None]


def test_default_queue_of_the_app_says_where_a_callback_goes(app, log):
    app.conf.task_default_queue = "shop"

    assert _queues(caller_of(log, None, app)) == ["shop"]


def test_queue_that_a_callback_names_holds(app, mail):
    assert _queues(caller_of(mail.set(queue="urgent"), None, app)) == ["urgent"]


def test_routes_of_an_unknown_app_are_not_looked_up(mail):
    assert _queues(caller_of(mail, None, None)) == [None]


@pytest.mark.parametrize(
    "canvas",
    [
        lambda mail, log: chain(log, mail),
        lambda mail, log: group([log, mail]),
        lambda mail, log: chord([log, log], mail),
        lambda mail, log: chain(log, group([log, mail])),
        lambda mail, log: log.on_error(mail),
    ],
)
def test_routes_reach_each_task_of_a_canvas(app, mail, log, canvas):
    text = dump_caller(caller_of(canvas(mail, log), None, app))

    assert '"queue": "mails"' in text


def test_callers_own_signature_is_left_as_it_was(app, mail):
    before = dict(mail.options)
    caller_of(mail, None, app)

    assert mail.options == before


@pytest.mark.parametrize("given", ["shop.mail", 1, {"task": "shop.mail"}, ["shop.mail"], print])
def test_what_is_no_signature_is_refused(app, given):
    with pytest.raises(InvalidRequest, match="on_success takes a Celery signature"):
        caller_of(given, None, app)


def test_argument_that_no_message_carries_is_refused(app):
    with pytest.raises(InvalidRequest, match="on_failure holds an argument"):
        caller_of(None, app.signature("shop.mail", args=(object(),)), app)


def test_callback_that_is_too_long_is_refused(app):
    with pytest.raises(InvalidRequest, match="on_success is longer than"):
        caller_of(app.signature("shop.mail", args=("x" * 300_000,)), None, app)


def test_route_that_raises_is_told_by_its_setting(app, log):
    def route(name, *_args, **_options):
        raise KeyError(name)

    app.conf.task_routes = [route]
    with pytest.raises(SettingsError, match="task_routes of the Celery app raises KeyError"):
        caller_of(log, None, app)


def test_queue_that_is_missing_is_told_by_its_setting(app, mail):
    app.conf.task_create_missing_queues = False
    with pytest.raises(SettingsError, match="task_create_missing_queues"):
        caller_of(mail, None, app)
