"""How clients of Redis are made: for one server, for a socket, and for sentinels."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
import redis
from redis import exceptions

from conveyor.domain.servers import ServerUrl
from conveyor.errors import LedgerUnavailable
from conveyor.ledger import (
    PRODUCERS,
    WORKERS,
    Patience,
    Refused,
    aconnect,
    connect,
    options_of,
    translated,
)
from conveyor.ledger.outliving import outliving
from conveyor.ledger.refusals import DEMOTIONS, code_of, is_for_ever
from conveyor.ledger.sentinels import LedConnection, LedSSLConnection, sentinels_of, tls_of
from conveyor.ledger.transaction import TransactionClient


def _options(url, answer_s=2.0, connect_s=3.0):
    options = options_of(ServerUrl.parse(url), answer_s, connect_s)
    options["maint_notifications_config"] = options["maint_notifications_config"].enabled
    return options


# -- one server -----------------------------------------------------------------------------------


def test_server_is_connected_to_with_all_that_its_url_says():
    options = _options("redis://u:p@h:6380/3")
    kind = options.pop("connection_class")

    assert issubclass(kind, redis.Connection)
    assert options == {
        "db": 3,
        "username": "u",
        "password": "p",
        "host": "h",
        "port": 6380,
        "socket_timeout": 2.0,
        "socket_connect_timeout": 3.0,
        "socket_keepalive": True,
        "driver_info": None,
        "maint_notifications_config": False,
    }


def test_url_without_a_name_gives_none():
    options = _options("redis://h")

    assert (options["username"], options["password"], options["db"]) == (None, None, 0)


def test_certificates_are_verified_over_tls():
    assert _options("rediss://h")["ssl_cert_reqs"] == "required"
    assert issubclass(_options("rediss://h")["connection_class"], redis.SSLConnection)
    assert tls_of(ServerUrl.parse("redis://h")) == {}


def test_url_says_how_certificates_are_verified():
    options = _options("rediss://h?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem")

    assert (options["ssl_cert_reqs"], options["ssl_ca_certs"]) == ("none", "/ca.pem")


@pytest.fixture
def socket_url():
    for scheme in ("unix", "redis+socket"):
        try:
            ServerUrl.parse(f"{scheme}:///tmp/s")
        except ValueError:
            continue
        return f"{scheme}:///tmp/s"
    raise AssertionError("no scheme of sockets is known")


def test_socket_is_connected_to_by_its_path(socket_url):
    options = _options(socket_url)

    assert options["path"] == "/tmp/s"  # because nothing is written there
    assert issubclass(options["connection_class"], redis.UnixDomainSocketConnection)
    assert options.keys().isdisjoint({"host", "port", "socket_keepalive"})


# -- sentinels ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "kind"), [("sentinel", LedConnection), ("sentinels", LedSSLConnection)]
)
def test_sentinels_lead_to_their_primary(scheme, kind):
    options = _options(f"{scheme}://u:p@h1:1,h2:2/main/3")

    assert issubclass(options["connection_class"], kind)
    assert options["master"] == "main"
    assert options["socket_keepalive"] is True
    assert options.keys().isdisjoint({"host", "port", "path"})
    hosts = [each.connection_pool.connection_kwargs for each in options["sentinels"].sentinels]
    assert [(each["host"], each["port"]) for each in hosts] == [("h1", 1), ("h2", 2)]


@pytest.mark.parametrize(
    ("answer_s", "connect_s", "waits"),
    [(None, None, (1.0, 1.0)), (0.5, 0.25, (0.5, 0.25)), (15.0, 5.0, (1.0, 1.0))],
)
def test_sentinel_is_asked_once_and_for_a_second_at_most(answer_s, connect_s, waits):
    server = ServerUrl.parse("sentinel://h1:1/main")
    (asked,) = sentinels_of(server, answer_s, connect_s).sentinels
    options = asked.connection_pool.connection_kwargs

    assert (options["socket_timeout"], options["socket_connect_timeout"]) == waits
    assert options["retry"].get_retries() == 0
    assert (options["username"], options["password"]) == (None, None)


def test_led_connection_goes_to_where_the_sentinels_say(monkeypatch):
    class Sentinels:
        def discover_master(self, name):
            return {"main": ("primary", 7000)}[name]

    went = []
    monkeypatch.setattr(
        redis.Connection, "_connect", lambda self: went.append((self.host, self.port))
    )
    connection = LedConnection(sentinels=Sentinels(), master="main", db=3)
    connection._connect()

    assert went == [("primary", 7000)]
    assert connection.db == 3


# -- the pool -------------------------------------------------------------------------------------


def test_client_waits_as_long_as_its_patience_says():
    patience = Patience(1.5, 2.5, 3.5, (redis.ConnectionError,), retries=4)
    with connect("redis://h", "space", max_connections=7, patience=patience) as client:
        pool, options = client.connection_pool, client.connection_pool.connection_kwargs

        assert client.keyspace.prefix == "{space}:"
        assert (pool.timeout, pool.max_connections) == (3.5, 7)
        assert (options["socket_timeout"], options["socket_connect_timeout"]) == (1.5, 2.5)
        assert (options["decode_responses"], options["encoding_errors"]) == (True, "replace")
        assert options["retry"].get_retries() == 4


def test_client_is_a_workers_unless_it_is_said():
    with connect("redis://h") as client:
        assert client.keyspace.prefix == "{conveyor}:"
        assert client.connection_pool.max_connections == 50
        assert client.connection_pool.timeout == WORKERS.pool_s


def test_worker_has_patience_and_a_producer_has_none():
    shown = {name: dataclasses.astuple(each) for name, each in (("w", WORKERS), ("p", PRODUCERS))}

    assert shown == {
        "w": (15.0, 5.0, 10.0, (redis.ConnectionError, redis.TimeoutError), 3),
        "p": (1.0, 1.0, 1.0, (redis.ConnectionError,), 2),
    }


def test_what_is_tried_again_waits_half_a_second_at_most():
    patience = Patience(1, 1, 1, (redis.ConnectionError,), retries=9)
    backoff = patience.retry._backoff

    assert [round(backoff.compute(number), 3) for number in range(6)] == [
        *(0.05, 0.1, 0.2, 0.4),
        *(0.5, 0.5),
    ]
    assert patience.retry._supported_errors == (redis.ConnectionError,)
    assert patience.retry.get_retries() == 9


def test_follower_of_one_server_waits_for_changes_for_ever():
    async def look():
        client = aconnect("rediss://u:p@h:6380/3")
        options = client.connection_pool.connection_kwargs
        await client.aclose()
        return options

    options = asyncio.run(look())

    assert (options["host"], options["port"], options["db"]) == ("h", 6380, 3)
    assert (options["decode_responses"], options["socket_connect_timeout"]) == (True, 5.0)
    assert options.get("socket_timeout") is None
    assert str(options["ssl_cert_reqs"]).lower().endswith("required")


@pytest.mark.parametrize("scheme", ["sentinel", "sentinels"])
def test_follower_by_sentinels_waits_for_changes_for_ever(scheme):
    async def look():
        client = aconnect(f"{scheme}://u:p@h1:1,h2:2/main/3")
        pool = client.connection_pool
        sentinels = [
            each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels
        ]
        await client.aclose()
        return pool, sentinels

    pool, sentinels = asyncio.run(look())
    options = pool.connection_kwargs

    assert (pool.service_name, options["db"]) == ("main", 3)
    assert (options["username"], options["password"]) == ("u", "p")
    assert (options["decode_responses"], options["socket_connect_timeout"]) == (True, 5.0)
    assert options.get("socket_timeout") is None
    assert [(each["host"], each["port"]) for each in sentinels] == [("h1", 1), ("h2", 2)]
    for each in sentinels:
        assert (each["socket_timeout"], each["socket_connect_timeout"]) == (1.0, 1.0)
        assert each["retry"].get_retries() == 0


# -- errors ---------------------------------------------------------------------------------------


def test_error_of_redis_becomes_ours_with_the_address_and_the_setting():
    with (
        connect("redis://u:hush@h:6380/3") as client,
        pytest.raises(LedgerUnavailable) as raised,
        translated(client),
    ):
        raise redis.BusyLoadingError("x")

    assert str(raised.value) == (
        "Redis at redis://h:6380/3 is still loading its data: wait until its log says that it is "
        "ready."
    )
    assert isinstance(raised.value.__cause__, redis.BusyLoadingError)


def test_client_whose_address_is_not_known_is_told_so():
    with (
        redis.Redis() as client,
        pytest.raises(LedgerUnavailable, match="Redis at its address is still loading"),
        translated(client),
    ):
        raise redis.BusyLoadingError("x")


def test_other_errors_pass():
    with connect("redis://h") as client, pytest.raises(KeyError), translated(client):
        raise KeyError("x")


# -- connections that outlive a server ------------------------------------------------------------


class Plain(redis.Connection):
    """A connection without a server, which answers as it is told."""

    def __init__(self):
        super().__init__()
        self.answers, self.closed, self.opened, self.there = [], 0, 0, False

    def connect(self):
        self.opened += 1
        self.there = True

    @property
    def is_connected(self):
        return self.there

    def disconnect(self, *args, **options):
        self.closed += 1
        self.there = False

    def read_response(self, *args, **options):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def on_connect_check_health(self, check_health=True):
        self.checked = check_health
        self.read_response()


@pytest.fixture
def kind():
    return outliving(Plain)


def _answered(connection, answer):
    connection.answers = [answer]
    return connection.read_response()


@pytest.mark.parametrize("answer", ["OK", 1, None, ["a", 1], redis.ResponseError("WRONGTYPE x")])
def test_answer_is_passed_on(kind, answer):
    connection = kind()
    if isinstance(answer, Exception):
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            _answered(connection, answer)
    else:
        assert _answered(connection, answer) == answer
    assert connection.closed == 0


@pytest.mark.parametrize(
    "answer",
    [
        redis.ResponseError("OOM x"),
        redis.BusyLoadingError("LOADING x"),
        redis.ReadOnlyError("READONLY x"),
        ["OK", redis.ResponseError("OOM x")],
    ],
)
def test_server_that_can_not_serve_closes_the_connection(kind, answer):
    connection = kind()
    with pytest.raises(Refused) as raised:
        _answered(connection, answer)

    assert connection.closed == 1
    assert raised.value.code in ("OOM", "LOADING", "READONLY")
    assert str(raised.value) == repr(raised.value) == f"{raised.value.code} x"
    assert raised.value.__cause__ is not None


def test_answer_of_a_command_in_a_transaction_that_is_no_refusal_is_passed_on(kind):
    answer = ["OK", redis.ResponseError("WRONGTYPE x")]

    assert _answered(kind(), answer) == answer


def test_wrong_password_is_left_to_redis_py(kind):
    connection = kind()
    with pytest.raises(redis.AuthenticationError):
        _answered(connection, redis.AuthenticationError("WRONGPASS x"))

    assert connection.closed == 0


def test_missing_permission_is_passed_over_in_the_greeting_alone(kind):
    connection = kind()
    connection.answers = [exceptions.NoPermissionError("NOPERM x")]
    with pytest.raises(exceptions.NoPermissionError):
        connection.on_connect_check_health()
    assert connection.closed == 0

    with pytest.raises(Refused):
        _answered(connection, exceptions.NoPermissionError("NOPERM x"))
    assert connection.closed == 1


@pytest.mark.parametrize(("asked", "passed_on"), [((), True), ((False,), False), ((True,), True)])
def test_health_is_checked_as_redis_py_would(kind, asked, passed_on):
    connection = kind()
    connection.answers = ["OK"]
    connection.on_connect_check_health(*asked)

    assert connection.checked is passed_on


def test_other_refusals_count_in_the_greeting_too(kind):
    connection = kind()
    connection.answers = [redis.ResponseError("OOM x")]

    with pytest.raises(Refused):
        connection.on_connect_check_health()


@pytest.mark.parametrize("code", sorted(DEMOTIONS))
def test_others_of_a_pool_connect_anew_after_a_switch(kind, code):
    one, other = kind(), kind()
    one.connect()
    other.connect()
    with pytest.raises(Refused):
        _answered(one, redis.ResponseError(f"{code} x"))
    other.connect()
    other.connect()

    assert (other.closed, other.opened) == (1, 3)


def test_others_of_a_pool_stay_after_another_refusal(kind):
    one, other = kind(), kind()
    other.connect()
    with pytest.raises(Refused):
        _answered(one, redis.ResponseError("OOM x"))
    other.connect()

    assert other.closed == 0


def test_pools_know_nothing_of_each_others_switches():
    one, other = outliving(Plain)(), outliving(Plain)()
    other.connect()
    with pytest.raises(Refused):
        _answered(one, redis.ReadOnlyError("READONLY x"))
    other.connect()

    assert other.closed == 0
    assert type(one).__name__ == "Plain"


# -- what passes, and what never does --------------------------------------------------------------


def _raised_from(inner, outer):
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "for_ever"),
    [
        (redis.ResponseError("DB index is out of range"), True),
        (redis.ResponseError("invalid DB index"), True),
        (redis.ResponseError("SELECT is not allowed in cluster mode"), True),
        (_raised_from(redis.ResponseError("MOVED 1 h:1"), KeyError("x")), True),
        (redis.ResponseError("OOM x"), False),
        (KeyError("moved 1"), False),
        (_raised_from(KeyError("x"), redis.ConnectionError("x")), False),
    ],
)
def test_server_that_will_never_serve_is_known_by_its_words(error, for_ever):
    assert is_for_ever(error) is for_ever


def test_code_that_redis_py_has_taken_out_of_the_text_counts():
    moved = redis.ResponseError("1 h:1")
    moved.status_code = "MOVED"
    out = redis.ResponseError("command not allowed")
    out.status_code = "OOM"

    assert is_for_ever(moved)
    assert code_of(out) == "OOM"
    assert code_of(redis.ResponseError("WRONGTYPE x")) == ""


# -- transactions ---------------------------------------------------------------------------------


class Pipe:
    """A pipeline that ends as it is told."""

    def __init__(self, ends):
        self.ends, self.watched = list(ends), []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def watch(self, *keys):
        self.watched.append(keys)

    def execute(self):
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end


def _transaction(*ends):
    client, pipe, ran = TransactionClient(), Pipe(ends), []
    client.pipeline = lambda *args: pipe
    return pipe, ran, lambda: client.transaction(ran.append, "a", "b")


def test_transaction_is_tried_again_while_others_change_what_it_watches():
    pipe, ran, run = _transaction(redis.WatchError("Watched variable changed."), [1, 2])

    assert run() == [1, 2]
    assert (ran, pipe.watched) == ([pipe, pipe], [("a", "b"), ("a", "b")])


def test_transaction_whose_connection_is_lost_ends():
    lost = redis.WatchError("A ConnectionError occurred while watching one or more keys")
    _, ran, run = _transaction(lost, [1])

    with pytest.raises(redis.ConnectionError, match="occurred while watching") as raised:
        run()
    assert raised.value.__cause__ is lost
    assert len(ran) == 1
