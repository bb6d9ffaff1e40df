import pytest

from convertapi_sandbox.outbound import is_reachable


@pytest.mark.parametrize(
    ("url", "reachable"),
    [
        ("http://127.0.0.1:80/x", True),
        ("http://127.8.0.1/", True),
        ("https://localhost/x", True),
        ("http://[::1]:1/", True),
        ("http://web:8000/hook", True),
        ("http://example.com/", False),
        ("http://10.0.0.1/", False),
        ("http://169.254.169.254/", False),
        ("http://127.0.0.1.example.com/", False),
        ("http://127.0.0.1@example.com/", False),
        ("ftp://127.0.0.1/", False),
        ("file:///etc/passwd", False),
        ("http://[bad/", False),
        ("", False),
    ],
)
def test_only_loopback_and_named_hosts(url, reachable):
    assert is_reachable(url, frozenset({"web"})) is reachable
