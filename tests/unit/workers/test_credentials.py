from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from structlog.testing import capture_logs

from config.settings import WorkerSettings
from conveyor.convertapi.credentials import FixedCredentials
from conveyor.settings import load
from workers.credentials import FileCredentials, JwtCredentials, credentials_of, owner_of

KEY = "0123456789abcdef0123456789abcdef-hush"
LIFE_S = 3600.0
DAY_S = 24 * 3600.0


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text("first\n")
    return path


def replace(path, content):
    """As careful programs do: a new file under the old name."""
    other = path.with_suffix(".new")
    other.write_text(content)
    other.replace(path)


def test_a_file_holds_the_secret_without_its_newline(secret_file):
    assert FileCredentials(str(secret_file)).bearer() == "first"


@pytest.mark.parametrize("write", [replace, lambda path, content: path.write_text(content)])
def test_a_file_that_changes_is_read_again(secret_file, write):
    credentials = FileCredentials(str(secret_file))
    credentials.bearer()
    write(secret_file, "the-second\n")

    assert credentials.bearer() == "the-second"


def test_a_file_that_is_the_same_is_read_once(secret_file, monkeypatch):
    credentials = FileCredentials(str(secret_file))
    credentials.bearer()
    monkeypatch.setattr("workers.credentials.read_secret", None)

    assert credentials.bearer() == "first"


def test_a_mounted_secret_is_followed_through_its_symbolic_link(tmp_path):
    """Kubernetes mounts `secret -> ..data/secret`, and switches `..data` to another folder."""
    for folder, content in (("..2020", "first"), ("..2021", "other")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "secret").write_text(content)
    (tmp_path / "..data").symlink_to("..2020")
    (tmp_path / "secret").symlink_to("..data/secret")
    credentials = FileCredentials(str(tmp_path / "secret"))
    assert credentials.bearer() == "first"
    (tmp_path / "..new").symlink_to("..2021")
    (tmp_path / "..new").replace(tmp_path / "..data")

    assert credentials.bearer() == "other"


def test_a_change_that_leaves_no_mark_is_found_when_the_secret_is_refused(secret_file):
    credentials = FileCredentials(str(secret_file))
    mark = credentials._look()
    credentials._look = lambda: mark
    assert credentials.bearer() == "first"
    secret_file.write_text("other\n")
    assert credentials.bearer() == "first"

    assert credentials.refresh("first")
    assert credentials.bearer() == "other"


def test_a_refused_secret_that_has_not_changed_is_not_sent_again(secret_file):
    credentials = FileCredentials(str(secret_file))

    assert not credentials.refresh(credentials.bearer())


def test_a_refusal_of_an_older_secret_says_that_there_is_another(secret_file):
    credentials = FileCredentials(str(secret_file))
    sent = credentials.bearer()
    replace(secret_file, "second")
    credentials.bearer()

    assert credentials.refresh(sent)


@pytest.mark.parametrize("content", ["", "\n", "two words", None])
def test_while_a_file_is_rotated_the_last_good_secret_is_kept_and_told_once(secret_file, content):
    credentials = FileCredentials(str(secret_file))
    credentials.bearer()
    secret_file.unlink()
    if content is not None:
        secret_file.write_text(content)
    with capture_logs() as logs:
        assert [credentials.bearer() for _ in range(3)] == ["first"] * 3
        assert not credentials.refresh("first")
    replace(secret_file, "second")

    assert [(it["event"], it["log_level"], it["kept"]) for it in logs] == [
        ("secret_file_unusable", "error", True)
    ]
    assert credentials.bearer() == "second"


def test_a_log_shows_no_secret(secret_file):
    with capture_logs() as logs:
        credentials = FileCredentials(str(secret_file))
        for content in ("second-hush", "hush with blanks", "third-hush"):
            credentials.bearer()
            replace(secret_file, content)
        credentials.bearer()

    assert [it["event"] for it in logs] == [
        "secret_changed",
        "secret_file_unusable",
        "secret_changed",
    ]
    assert "hush" not in str(logs)


def test_a_file_that_never_was_there_gives_no_secret_until_it_is(tmp_path):
    credentials = FileCredentials(str(tmp_path / "secret"))
    with capture_logs() as logs:
        assert [credentials.bearer() for _ in range(3)] == [""] * 3
    assert [(it["event"], it["kept"]) for it in logs] == [("secret_file_unusable", False)]
    (tmp_path / "secret").write_text("first")

    assert credentials.bearer() == "first"


def test_many_threads_see_one_secret_or_the_other(secret_file):
    credentials = FileCredentials(str(secret_file))
    with ThreadPoolExecutor(8) as pool:
        seen = [pool.submit(credentials.bearer) for _ in range(50)]
        replace(secret_file, "second")
        seen += [pool.submit(credentials.bearer) for _ in range(50)]

    assert {it.result() for it in seen} <= {"first", "second"}
    assert seen[-1].result() == "second"


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def signer(clock):
    return JwtCredentials(FixedCredentials(KEY), "k1", LIFE_S, clock)


def claims_of(token, key=KEY):
    return jwt.decode(token, key, algorithms=["HS256"], options={"verify_exp": False})


def test_a_jwt_is_signed_as_the_vendor_documents_it(signer, clock):
    token = signer.bearer()

    assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": "k1", "typ": "JWT"}
    assert claims_of(token) == {"exp": int(clock.now + LIFE_S)}


def test_a_short_key_signs_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert JwtCredentials(FixedCredentials("short"), "k1", LIFE_S).bearer()


@pytest.mark.parametrize("gone_s", [LIFE_S / 2, LIFE_S * 3, -LIFE_S / 2])
def test_a_jwt_is_renewed_at_half_its_life_and_when_the_clock_is_set(signer, clock, gone_s):
    first = signer.bearer()
    clock.now += gone_s
    second = signer.bearer()

    assert second != first
    assert claims_of(second) == {"exp": int(clock.now + LIFE_S)}


def test_a_jwt_is_kept_for_half_its_life(signer, clock):
    first = signer.bearer()
    clock.now += LIFE_S / 2 - 1

    assert signer.bearer() == first


def test_a_refused_jwt_is_signed_again_immediately(signer):
    first = signer.bearer()

    assert signer.refresh(first)
    assert signer.bearer() != first


def test_a_clock_that_is_hours_behind_is_outlived_after_some_refusals(signer, clock):
    service_now = clock.now + 5 * 3600
    refused = 0
    while claims_of(token := signer.bearer())["exp"] < service_now:
        assert signer.refresh(token)
        refused += 1

    assert refused == 3


def test_no_jwt_lives_longer_than_a_day_however_often_it_is_refused(signer, clock):
    for _ in range(20):
        signer.refresh(signer.bearer())

    assert claims_of(signer.bearer()) == {"exp": int(clock.now + DAY_S)}
    assert not signer.refresh(signer.bearer())


def test_a_refusal_of_an_older_jwt_says_that_there_is_another(signer):
    first = signer.bearer()
    signer.refresh(first)
    second = signer.bearer()

    assert signer.refresh(first)
    assert signer.bearer() == second


def test_refusal_before_the_first_jwt_says_that_there_is_one(signer):
    assert signer.refresh("another process's")
    assert signer.refresh("")
    assert claims_of(signer.bearer())


def test_a_key_that_is_rotated_signs_immediately(secret_file, clock):
    signer = JwtCredentials(FileCredentials(str(secret_file)), "k1", LIFE_S, clock)
    first = signer.bearer()
    replace(secret_file, "second")
    second = signer.bearer()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert claims_of(first, "first") == claims_of(second, "second")


def test_a_rotated_key_is_found_by_a_refusal_and_ends_the_longer_life(secret_file, clock):
    signer = JwtCredentials(FileCredentials(str(secret_file)), "k1", LIFE_S, clock)
    signer.refresh(signer.bearer())
    sent = signer.bearer()
    replace(secret_file, "second")

    assert signer.refresh(sent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert claims_of(signer.bearer(), "second") == {"exp": int(clock.now + LIFE_S)}


def test_without_a_key_there_is_no_jwt(tmp_path):
    assert JwtCredentials(FileCredentials(str(tmp_path / "none")), "k1", LIFE_S).bearer() == ""


@pytest.fixture
def settings_of(tmp_path):
    def make(**values):
        return load(WorkerSettings, **{"storage_url": str(tmp_path), **values})

    return make


def test_the_settings_say_where_the_secret_is(settings_of, secret_file):
    assert credentials_of(settings_of(api_secret=KEY)).bearer() == KEY
    assert credentials_of(settings_of(api_secret_file=str(secret_file))).bearer() == "first"
    signer = credentials_of(settings_of(api_secret=KEY, api_jwt_kid="k1", api_jwt_seconds=60))
    assert jwt.decode(signer.bearer(), KEY, algorithms=["HS256"])["exp"]


def test_the_file_may_lie_in_the_home_folder(settings_of, secret_file, monkeypatch):
    monkeypatch.setitem(os.environ, "HOME", str(secret_file.parent))

    assert credentials_of(settings_of(api_secret_file="~/secret")).bearer() == "first"


def test_the_master_token_reads_the_account(settings_of):
    owner = owner_of(settings_of(api_secret=KEY, api_master_token="master"))

    assert owner is not None
    assert owner.bearer() == "master"
    assert owner_of(settings_of(api_secret=KEY)) is None


def test_a_file_without_a_usable_secret_is_read_once_until_it_changes(secret_file, monkeypatch):
    read = []

    def read_secret(path):
        read.append(path)
        raise ValueError("two words")

    monkeypatch.setattr("workers.credentials.read_secret", read_secret)
    credentials = FileCredentials(str(secret_file))
    assert [credentials.bearer() for _ in range(3)] == [""] * 3
    assert read == [str(secret_file)]

    replace(secret_file, "also two")
    credentials.bearer()
    assert len(read) == 2
