"""Who else lives in a Redis: told by name and number, whatever lives there, in bounded time."""

from __future__ import annotations

from contextlib import closing
from urllib.parse import urlsplit

import pytest
from celery import Celery

from conveyor import Conveyor
from conveyor.diagnosis.doctor import examine
from conveyor.errors import LedgerUnavailable
from conveyor.ledger.neighbours import look

SECRET = "contents of theirs"


@pytest.fixture
def conveyor(redis_url, tmp_path):
    with closing(Conveyor(redis_url, storage_url=str(tmp_path))) as made:
        yield made


@pytest.fixture
def application(redis_url):
    """Enqueues what nobody draws: two to its default queue, one by priority, one to `mail`."""

    def make(**options):
        with Celery(set_as_current=False, broker=redis_url) as app:
            app.conf.broker_transport_options = options
            with app.connection_for_write() as connection:
                # kombu notes once a process where a queue is bound; the test before has flushed it.
                connection.default_channel.state.clear()
                for queue in ("celery", "mail"):
                    app.amqp.queues[queue](connection.default_channel).declare()
            for queue in ("celery", "celery", "mail"):
                app.send_task("theirs", args=[SECRET], queue=queue)
            app.send_task("theirs", args=[SECRET], queue="celery", priority=6)

    return make


def test_empty_database_shows_no_neighbours(conveyor):
    conveyor.convert("https://e.com/a.docx", to="pdf")

    assert str(conveyor.neighbours()) == "nobody else was seen"


def test_applications_queues_are_reported_with_what_waits(conveyor, application):
    conveyor.convert("https://e.com/a.docx", to="pdf")
    application()

    seen = conveyor.neighbours()

    assert (seen.queues, seen.namespaces) == ({"celery": 3, "mail": 1}, frozenset())
    assert str(seen) == "other applications' queues: celery (3 waiting), mail (1 waiting)"
    assert SECRET not in repr(seen)


def test_queues_of_an_application_with_a_key_prefix_are_reported(conveyor, application):
    application(global_keyprefix="shop:")

    assert conveyor.neighbours().queues == {"shop:celery": 3, "shop:mail": 1}


def test_other_namespaces_are_listed_by_name_and_not_as_queues(conveyor, redis_url, tmp_path):
    for namespace in ("staging", "acme.eu"):
        other = Conveyor(redis_url, storage_url=str(tmp_path), namespace=namespace)
        with closing(other):
            other.convert("https://e.com/a.docx", to="pdf")

    seen = conveyor.neighbours()

    assert (seen.namespaces, seen.queues) == ({"staging", "acme.eu"}, {})
    assert str(seen) == "other namespaces of Conveyor: acme.eu, staging"


@pytest.mark.parametrize(
    "key",
    [
        *(
            "{user}:1",
            "{session}:state",
            "{Shop}:due:poll",
            "{shop}:due:today",
            "shop:{x}:due:poll",
        ),
        *("{}:due:poll", "{shop}:bell:door", "{shop}:due"),
    ],
)
def test_keys_in_braces_that_look_like_ours_are_none(conveyor, client, key):
    client.set(key, SECRET)

    assert not conveyor.neighbours().namespaces


def test_celerys_default_queue_is_told_where_nothing_says_that_it_is_bound(conveyor, client):
    client.lpush("celery", SECRET)

    assert conveyor.neighbours().queues == {"celery": 1}


def test_a_large_database_is_looked_at_in_part(client, redis_url):
    with client.pipeline(transaction=False) as pipeline:
        for number in range(5000):
            pipeline.set(f"theirs:{number}", SECRET)
        pipeline.execute()

    seen = look([redis_url], "conveyor", most_keys=1000)

    assert not seen.is_whole
    assert str(seen) == "nobody else was seen (not everything was checked)"


def test_names_that_would_change_a_terminal_are_shown_without_that(conveyor, client):
    client.sadd("_kombu.binding.x", "x\x06\x16\x06\x16\x1b[2Jx\n" + 200 * "y")

    told = str(conveyor.neighbours())

    assert told == f"other applications' queues: [2Jx{76 * 'y'}"


def test_foreign_keys_of_other_types_do_no_harm(conveyor, client, application):
    application()
    client.set("_kombu.binding.odd", "no set")
    client.sadd("_kombu.binding.other", "key|pattern|queue")
    client.set("mail\x06\x163", "no list")

    assert conveyor.neighbours().queues == {"celery": 3, "mail": 1}


@pytest.fixture
def url_of_user(client, redis_url):
    """The URL of a user who may do less."""

    def make(**rights):
        client.acl_setuser("narrow", enabled=True, nopass=True, reset=True, **rights)
        address = urlsplit(redis_url)
        return f"redis://narrow:x@{address.hostname}:{address.port}{address.path}"

    yield make
    client.acl_deluser("narrow")


def test_missing_permission_to_scan_is_not_an_error(url_of_user):
    url = url_of_user(keys=["*"], commands=["+@all", "-scan"])

    assert str(look([url], "conveyor")) == "nobody else was seen (not everything was checked)"


def test_user_limited_to_our_keys_sees_only_names(url_of_user, client):
    client.lpush("celery", SECRET)
    client.set("{staging}:due:poll", "")
    client.sadd("_kombu.binding.mail", "mail\x06\x16\x06\x16mail")
    url = url_of_user(keys=["{conveyor}:*", "conveyor.*"], commands=["+@all"])

    told = "other namespaces of Conveyor: staging; other applications' queues: celery"
    assert str(look([url], "conveyor")) == told


def test_broker_of_another_kind_is_passed_over(redis_url):
    assert look([redis_url, "amqp://127.0.0.1:1//"], "conveyor").is_whole


def test_redis_that_is_down_is_reported():
    with pytest.raises(LedgerUnavailable):
        look(["redis://127.0.0.1:1/0"], "conveyor")


def test_doctor_tells_of_neighbours_in_one_line(conveyor, application):
    application()

    (check,) = [it for it in examine(conveyor, worker_timeout_s=0.1) if it.name == "neighbours"]

    assert check.ok
    assert check.detail == "other applications' queues: celery (3 waiting), mail (1 waiting)"
