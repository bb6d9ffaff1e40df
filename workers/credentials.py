"""Where the bearer secret comes from: the settings, a file, or a JWT that we sign ourselves.

A secret can be rotated while workers run. A file is read again when it changes. Whatever the
service refuses is looked for anew before the refusal counts.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Final

import structlog

from config.settings import WorkerSettings
from conveyor.convertapi.credentials import Credentials, FixedCredentials
from conveyor.secret import read_secret

__all__ = ["FileCredentials", "JwtCredentials", "credentials_of", "owner_of"]

_LONGEST_LIFE_S: Final = 24 * 3600.0

log = structlog.get_logger("conveyor.credentials")


def credentials_of(settings: WorkerSettings) -> Credentials:
    """What converts: the secret as it is set, from its file, or a JWT signed with it.

    Args:
        settings: The workers' settings.

    Returns:
        The source, safe for threads.
    """
    source: Credentials = (
        FileCredentials(settings.api_secret_file)
        if settings.api_secret_file
        else FixedCredentials(settings.api_secret.get_secret_value())
    )
    if not settings.api_jwt_kid:
        return source
    return JwtCredentials(source, settings.api_jwt_kid, settings.api_jwt_seconds)


def owner_of(settings: WorkerSettings) -> Credentials | None:
    """What reads the account at ``/user``.

    Args:
        settings: The workers' settings.

    Returns:
        The master token. None where there is none: then the credentials that convert may be the
        account's secret, which reads it too.
    """
    token = settings.api_master_token.get_secret_value()
    return FixedCredentials(token) if token else None


class FileCredentials:
    """A secret in a file, which may be replaced, rewritten or switched to by a symbolic link.

    While the file is missing, empty or unreadable, the last good secret stays in use.

    Args:
        path: The file.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path).expanduser()
        self._lock = Lock()
        self._mark: tuple[int, ...] = ()
        self._secret = ""
        self._told = False

    def bearer(self) -> str:
        """The secret; a changed file is read first.

        Returns:
            The last good secret. Empty where there never was one: the service then refuses it.
        """
        with self._lock:
            mark = self._look()
            if not mark or mark != self._mark:
                self._read(mark)
            return self._secret

    def refresh(self, refused: str) -> bool:
        """Read the file again, changed or not.

        Args:
            refused: What `bearer` returned.

        Returns:
            Whether it holds another secret now.
        """
        with self._lock:
            if self._secret == refused:
                self._read(self._look())
            return self._secret != refused

    def _look(self) -> tuple[int, ...]:
        """What tells one content from another; empty where there is no file."""
        try:
            seen = self._path.stat()
        except OSError:
            return ()
        return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)

    def _read(self, mark: tuple[int, ...]) -> None:
        """Take the content; what was looked at before it was read is at most too old a mark."""
        try:
            secret = read_secret(str(self._path))
        except ValueError as error:
            self._mark = mark
            self._tell(str(error))
            return
        if self._secret and secret != self._secret:
            log.info("secret_changed")
        self._mark, self._secret, self._told = mark, secret, False

    def _tell(self, reason: str) -> None:
        if not self._told:
            log.error("secret_file_unusable", reason=reason, kept=bool(self._secret))
        self._told = True


class JwtCredentials:
    """JWTs that we sign ourselves, as ConvertAPI documents them: HS256, ``kid`` and ``exp``.

    There is no ``nbf`` and no ``iat``, so a clock that is ahead makes no token of the future. One
    is renewed at half of its life, so a clock may be behind by the other half. Each refusal doubles
    the life, up to a day, because a clock that is further behind makes tokens that have expired.

    Args:
        key: The API token's secret, which signs.
        kid: The API token's id.
        life_s: How long a token lives, seconds.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        key: Credentials,
        kid: str,
        life_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key = key
        self._kid = kid
        self._first_life_s = self._life_s = life_s
        self._clock = clock
        self._lock = Lock()
        self._signed_with = ""
        self._signed_at = 0.0
        self._token = ""

    def bearer(self) -> str:
        """A token with at least half of its life before it, by this host's clock."""
        with self._lock:
            key = self._key.bearer()
            if key != self._signed_with:
                self._life_s = self._first_life_s
                self._sign(key)
            elif abs(self._clock() - self._signed_at) >= self._life_s / 2:
                self._sign(key)
            return self._token

    def refresh(self, refused: str) -> bool:
        """Sign another token at once, with another key where there is one.

        Args:
            refused: What `bearer` returned.

        Returns:
            Whether `bearer` returns another token now.
        """
        with self._lock:
            if self._token == refused:
                changed = self._key.refresh(self._signed_with)
                longer_s = min(self._life_s * 2, _LONGEST_LIFE_S)
                self._life_s = self._first_life_s if changed else longer_s
                self._sign(self._key.bearer())
            return self._token != refused

    def _sign(self, key: str) -> None:
        self._signed_with, self._signed_at = key, self._clock()
        expires_at = int(self._signed_at + self._life_s)
        self._token = _signed({"exp": expires_at}, key, self._kid) if key else ""


def _signed(claims: dict[str, int], key: str, kid: str) -> str:
    """A JWT. PyJWT warns of a short key, and the vendor alone decides how long its keys are."""
    import jwt  # noqa: PLC0415 - an extra, and the settings have seen that it is there

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwt.encode(claims, key, algorithm="HS256", headers={"kid": kid})
