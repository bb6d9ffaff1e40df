from __future__ import annotations

from pathlib import Path

from local_stack.valkey import Valkey


def test_the_url_holds_the_password_quoted(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path, password="a/b@c", port=6379)

    assert valkey.url() == "redis://:a%2Fb%40c@127.0.0.1:6379/0"


def test_the_url_without_a_password(tmp_path: Path) -> None:
    assert Valkey(tmp_path, port=6379).url(2) == "redis://127.0.0.1:6379/2"


def test_the_password_stands_in_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path, password='se "cret"')

    config = tmp_path / "valkey.conf"
    assert config.stat().st_mode & 0o777 == 0o600
    assert 'requirepass "se \\"cret\\""' in config.read_text().splitlines()
    assert not [part for part in valkey.process._command if "cret" in part]


def test_it_appends_every_write_to_a_file(tmp_path: Path) -> None:
    Valkey(tmp_path)

    assert {"appendonly yes", 'save ""', "bind 127.0.0.1"} <= set(
        (tmp_path / "valkey.conf").read_text().splitlines()
    )
