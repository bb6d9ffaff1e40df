"""One form of URL: what is read, what is written, and what is refused without showing a secret."""

from __future__ import annotations

import ssl

import pytest

from conveyor.domain.servers import ServerUrl
from conveyor.domain.url_parts import Host, is_redis_url

H = (Host("h", 6379),)
SOCKET = "/run/v.sock"

READ = {
    "redis://h": ServerUrl("redis", H),
    "REDIS://h:7/3": ServerUrl("redis", (Host("h", 7),), database=3),
    "redis://": ServerUrl("redis", (Host("127.0.0.1", 6379),)),
    "redis:///2": ServerUrl("redis", (Host("127.0.0.1", 6379),), database=2),
    "redis://h:1": ServerUrl("redis", (Host("h", 1),)),
    "redis://h:65535": ServerUrl("redis", (Host("h", 65535),)),
    "redis://[::1]": ServerUrl("redis", (Host("::1", 6379),)),
    "redis://[fe80::1%1]:7": ServerUrl("redis", (Host("fe80::1%1", 7),)),
    # The database stands in the path or in the query, in redis-py's word or in Celery's.
    "redis://h/2/": ServerUrl("redis", H, database=2),
    "redis://h/99999": ServerUrl("redis", H, database=99999),
    "redis://h?db=17": ServerUrl("redis", H, database=17),
    "redis://h?virtual_host=4": ServerUrl("redis", H, database=4),
    "redis://h/2?db=2&virtual_host=2": ServerUrl("redis", H, database=2),
    "redis://h?db=": ServerUrl("redis", H),
    "redis://h/1#part": ServerUrl("redis", H, database=1),
    # So does the login.
    "redis://:p@h": ServerUrl("redis", H, password="p"),
    "redis://u@h": ServerUrl("redis", H, username="u"),
    "redis://u:p%40%2F@h": ServerUrl("redis", H, username="u", password="p@/"),
    "redis://u%3Aa:p:q@h": ServerUrl("redis", H, username="u:a", password="p:q"),
    "redis://u:p@q@h": ServerUrl("redis", H, username="u", password="p@q"),
    "redis://h?username=u&password=p": ServerUrl("redis", H, username="u", password="p"),
    "redis://u:p@h?username=x&password=y": ServerUrl("redis", H, username="u", password="p"),
    "redis+socket:///run/v.sock": ServerUrl("unix", path=SOCKET),
    "redis+unix:///run/v.sock": ServerUrl("unix", path=SOCKET),
    "socket:///run/v.sock?virtual_host=2": ServerUrl("unix", path=SOCKET, database=2),
    "unix://u:p@/run/v.sock?db=2": ServerUrl(
        "unix", path=SOCKET, database=2, username="u", password="p"
    ),
    "unix:///run/a%20b.sock": ServerUrl("unix", path="/run/a b.sock"),
    "sentinel://a,b:1;c:2/shop/3": ServerUrl(
        "sentinel", (Host("a", 26379), Host("b", 1), Host("c", 2)), master="shop", database=3
    ),
    "sentinel://a/shop": ServerUrl("sentinel", (Host("a", 26379),), master="shop"),
    "sentinel://a/shop/": ServerUrl("sentinel", (Host("a", 26379),), master="shop"),
    "sentinel://a/shop?db=3": ServerUrl("sentinel", (Host("a", 26379),), master="shop", database=3),
    "sentinel://a/my%2Fshop/1": ServerUrl(
        "sentinel", (Host("a", 26379),), master="my/shop", database=1
    ),
    "sentinel://a/my/shop/1": ServerUrl(
        "sentinel", (Host("a", 26379),), master="my/shop", database=1
    ),
    # Celery's own form names the primary beside it.
    "sentinel://a/2?master_name=shop": ServerUrl(
        "sentinel", (Host("a", 26379),), master="shop", database=2
    ),
    "sentinel://a//2?master_name=shop": ServerUrl(
        "sentinel", (Host("a", 26379),), master="shop", database=2
    ),
    "sentinel://a?master_name=shop": ServerUrl("sentinel", (Host("a", 26379),), master="shop"),
    "sentinels://u:p@a/shop?sentinel_username=s&sentinel_password=t": ServerUrl(
        "sentinels",
        (Host("a", 26379),),
        master="shop",
        username="u",
        password="p",
        sentinel_username="s",
        sentinel_password="t",
    ),
    "sentinels://a/shop?ssl_cert_reqs=none": ServerUrl(
        "sentinels", (Host("a", 26379),), master="shop", tls={"ssl_cert_reqs": "none"}
    ),
    "rediss://h?ssl_ca_certs=/CA.pem&ssl_certfile=/c&ssl_keyfile=/k": ServerUrl(
        "rediss", H, tls={"ssl_ca_certs": "/CA.pem", "ssl_certfile": "/c", "ssl_keyfile": "/k"}
    ),
    "rediss://h?ssl_ca_certs=&ssl_cert_reqs=&ssl_check_hostname=": ServerUrl("rediss", H),
}


@pytest.mark.parametrize("url", READ)
def test_url_is_read_into_its_parts(url):
    assert ServerUrl.parse(url) == READ[url]


@pytest.mark.parametrize("url", READ)
def test_what_is_written_is_read_as_the_same(url):
    written = ServerUrl.parse(url).url

    assert ServerUrl.parse(written) == READ[url]
    assert ServerUrl.parse(written).url == written


@pytest.mark.parametrize("option", ["ssl_cert_reqs", "ssl_check_hostname"])
@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        *((text, {"ssl_cert_reqs": text}) for text in ("required", "optional", "none")),
        ("CERT_REQUIRED", {"ssl_cert_reqs": "required"}),
        ("Cert_Optional", {"ssl_cert_reqs": "optional"}),
        ("cert_none", {"ssl_cert_reqs": "none"}),
        *((text, {"ssl_check_hostname": True}) for text in ("true", "True", "1", "yes")),
        *((text, {"ssl_check_hostname": False}) for text in ("false", "FALSE", "0", "no")),
    ],
)
def test_each_spelling_of_a_tls_option_is_known_to_this_option_alone(option, spelling, expected):
    url = f"rediss://h?{option}={spelling}"
    if option in expected:
        assert ServerUrl.parse(url).tls == expected
    else:
        with pytest.raises(ValueError, match=f"has a wrong {option}: use "):
            ServerUrl.parse(url)


WRITTEN = {
    "redis://": ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
    "redis://[::1]/1": ("redis://[::1]:6379/1", "redis://[::1]:6379/1"),
    "redis://:p%40:q@h?db=3": ("redis://:p%40%3Aq@h:6379/3", "redis://h:6379/3"),
    "redis://u%2F@h": ("redis://u%2F:@h:6379/0", "redis://h:6379/0"),
    "unix:///run/v.sock": ("unix:///run/v.sock", "unix:///run/v.sock"),
    "socket://u:p@/run/a%20b.sock?db=2": (
        "unix://u:p@/run/a%20b.sock?db=2",
        "unix:///run/a%20b.sock",
    ),
    "sentinel://:p@a,b/my%2Fshop/2?sentinel_username=s&sentinel_password=t": (
        "sentinel://:p@a:26379,b:26379/my%2Fshop/2?sentinel_username=s&sentinel_password=t",
        "sentinel://a:26379,b:26379/my%2Fshop/2",
    ),
    # A path keeps its capitals.
    "rediss://h?ssl_ca_certs=/CA.pem&ssl_cert_reqs=NONE&ssl_check_hostname=no": (
        "rediss://h:6379/0?ssl_ca_certs=%2FCA.pem&ssl_cert_reqs=none&ssl_check_hostname=false",
        "rediss://h:6379/0",
    ),
}


@pytest.mark.parametrize("url", WRITTEN)
def test_url_is_written_in_one_form_and_shown_without_a_login(url):
    server = ServerUrl.parse(url)

    assert (server.url, server.address) == WRITTEN[url]


def test_shown_as_a_value_it_holds_no_password():
    url = "sentinel://u:hush@a/shop?sentinel_username=s&sentinel_password=whisper"
    shown = repr(ServerUrl.parse(url))

    assert "'u'" in shown
    assert "hush" not in shown
    assert "whisper" not in shown


@pytest.mark.parametrize(
    ("url", "speaks_tls", "has_sentinels"),
    [
        ("redis://h", False, False),
        ("rediss://h", True, False),
        ("unix:///s", False, False),
        ("sentinel://h/shop", False, True),
        ("sentinels://h/shop", True, True),
    ],
)
def test_scheme_says_whether_it_is_encrypted_and_found_by_sentinels(url, speaks_tls, has_sentinels):
    server = ServerUrl.parse(url)

    assert (server.speaks_tls, server.has_sentinels) == (speaks_tls, has_sentinels)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        *((f"{scheme}://h", True) for scheme in ("redis", "rediss", "unix", "sentinel", "RedisS")),
        *((f"{scheme}://h", True) for scheme in ("sentinels", "redis+socket", "redis+unix")),
        ("Socket:///s", True),
        ("amqp://h", False),
        ("redisx://h", False),
        ("", False),
    ],
)
def test_each_spelling_of_redis_is_known(url, expected):
    assert is_redis_url(url) is expected


LOGIN = {"username": "s", "password": "t"}
OF_APPLICATIONS = {
    "plain": ("redis://h:1/0", {}, None, "redis://h:1/0"),
    "sentinels": (
        "sentinel://:pw@a:1;sentinel://b:2;sentinel://c:3/2",
        {"master_name": "shop", "sentinel_kwargs": {"password": "other"}},
        None,
        "sentinel://:pw@a:1,b:2,c:3/shop/2?sentinel_password=other",
    ),
    "login of the sentinels": (
        "sentinel://a/0",
        {"master_name": "shop", "sentinel_kwargs": LOGIN},
        {},
        "sentinel://a:26379/shop/0?sentinel_username=s&sentinel_password=t",
    ),
    "login and path with each sentinel": (
        "sentinel://u:pw@a:1/2;sentinel://u:pw@b:2/2",
        {"master_name": "shop"},
        None,
        "sentinel://u:pw@a:1,b:2/shop/2",
    ),
    "path of the last sentinel that has one": (
        "sentinel://a:1;sentinel://b:2/1;sentinel://c:3/2;d:4",
        {"master_name": "shop", "sentinel_kwargs": None},
        None,
        "sentinel://a:1,b:2,c:3,d:4/shop/2",
    ),
    "path of the first sentinel": (
        "sentinel://a:1/1;sentinel://b:2/2",
        {"master_name": "shop"},
        None,
        "sentinel://a:1,b:2/shop/1",
    ),
    "no path": (
        "sentinel://a:1;sentinel://b:2",
        {"master_name": "shop"},
        None,
        "sentinel://a:1,b:2/shop/0",
    ),
    "sentinels with TLS": (
        "sentinel://a:1/0?virtual_host=0",
        {"master_name": "shop"},
        {"ssl_cert_reqs": ssl.CERT_NONE, "ssl_check_hostname": False},
        "sentinels://a:1/shop/0?ssl_cert_reqs=none&ssl_check_hostname=false",
    ),
    "TLS beside the URL": (
        "Redis://h:1/0",
        {},
        {"ssl_cert_reqs": "required", "ssl_ca_certs": "/etc/Own.pem", "ssl_keyfile": None},
        "rediss://h:1/0?ssl_ca_certs=%2Fetc%2FOwn.pem&ssl_cert_reqs=required",
    ),
    "TLS in the URL and beside it": (
        "rediss://h:1/0",
        {},
        {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ciphers": "AES"},
        "rediss://h:1/0?ssl_cert_reqs=required",
    ),
    "socket": ("redis+socket:///run/v.sock?virtual_host=2", {}, None, "unix:///run/v.sock?db=2"),
    "time-outs": ("redis://h/1?socket_timeout=3", {}, None, "redis://h:6379/1"),
}


@pytest.mark.parametrize("name", OF_APPLICATIONS)
def test_an_applications_own_spelling_is_read(name):
    url, options, tls, expected = OF_APPLICATIONS[name]

    assert ServerUrl.of_application(url, options, tls).url == expected


WRONG = {
    "amqp://h": "must be a redis://, rediss://",
    "redis://a,b/0": "name one, or use",
    "redis://a;b/0": "name one, or use",
    "sentinel://a:1,b:2/0": "must name the primary",
    "sentinel://a:1": "must name the primary",
    "sentinel://a;sentinel://b/shop/0": "a port that is a number",
    "redis://h/1?db=2": "one database",
    "redis://h?db=1&virtual_host=2": "one database",
    "redis://h/one": "one database",
    "redis://h/100000": "one database",
    "sentinel://a/shop/x": "one database",
    "unix:///s?db=x": "one database",
    "redis://h?retries=2": r"does not know \(retries\)",
    "redis://h?zz=1&bb=2": r"does not know \(bb, zz\)",
    f"redis://h?{'n' * 30}=1": rf"does not know \({'n' * 30}\)",
    f"redis://h?{'n' * 31}=1": r"does not know \(unreadable\)",
    "redis://h?n": r"does not know \(unreadable\)",
    "redis://:x?hush9=1@h": r"does not know \(unreadable\)",
    "redis://h?ssl_cert_reqs=none": "rediss://",
    "sentinel://h/shop?ssl_ca_certs=/c": "sentinels://",
    "unix:///s?ssl_check_hostname=no": "need TLS",
    "redis://h:port/0": "a port that is a number",
    "redis://h:0": "a port that is a number",
    "redis://h:65536": "a port that is a number",
    "redis://[h]": "a host",
    "redis://h h": "a host",
    "rediss://h?ssl_cert_reqs=maybe": "required, optional or none",
    "rediss://h?ssl_check_hostname=maybe": "true or false",
    "unix://run/v.sock": "full path",
    "redis://:hush#1@h/0": "percent-encoded",
}


@pytest.mark.parametrize("url", WRONG)
def test_one_line_says_what_is_wrong_with_a_url(url):
    with pytest.raises(ValueError, match=WRONG[url]) as raised:
        ServerUrl.parse(url)

    assert "\n" not in str(raised.value)
    assert "hush" not in str(raised.value)


def test_an_applications_options_of_tls_do_not_fit_a_socket():
    with pytest.raises(ValueError, match="need TLS"):
        ServerUrl.of_application("unix:///run/v.sock", {}, {"ssl_cert_reqs": "none"})
