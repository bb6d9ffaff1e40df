"""What costs nothing: the account, files, unknown ids, refusals."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote
from uuid import uuid4

from conveyor.domain.dialect import Dialect
from conveyor.live.answers import Answer, Reply
from conveyor.live.service import Service

__all__ = [
    "CONTENT",
    "DAMAGED",
    "DAMAGED_PAIR",
    "FILE_NAME",
    "PAIR",
    "WRONG_TIMEOUT",
    "Uploads",
    "ask_account",
    "ask_files",
    "ask_for_refusals",
    "ask_for_unknown_jobs",
    "ask_information",
    "file_id_of",
]

PAIR: Final = ("txt", "pdf")
"""A conversion that is quick and that every account has."""

FILE_NAME: Final = "conveyor live é.txt"
CONTENT: Final = b"Conveyor tries the facts of its documentation.\n"

DAMAGED_PAIR: Final = ("docx", "pdf")
DAMAGED: Final = ("conveyor damaged.docx", b"PK\x03\x04" + b"This is no document. " * 20)
"""A file's name and content, whose conversion fails."""

WRONG_TIMEOUT: Final = {"Timeout": "never"}

#: Quick uploads in all; an honest look at a throttle, and no more.
_BURST: Final = 5
_STATISTIC_DAYS: Final = 7
#: No format is called so.
_NO_PAIR: Final = ("conveyorlive", "nosuchformat")


class Uploads:
    """The files that a run leaves at the service until it removes them.

    Args:
        service: Takes them.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._kept: list[str] = []

    @property
    def source(self) -> str:
        """The FileId of a source; empty where no upload succeeded."""
        return self._kept[0] if self._kept else ""

    def upload(self, label: str, name: str = FILE_NAME, content: bytes = CONTENT) -> Reply:
        """Upload a file under its name, our source unless another is given."""
        reply = self._service.ask(
            label,
            "POST",
            "/upload",
            headers={
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
                "Content-Type": "application/octet-stream",
            },
            content=content,
            bearer=self._service.credential.bearer,
        )
        if file_id := file_id_of(reply):
            self._kept.append(file_id)
        return reply

    def give_up(self) -> str:
        """A FileId beside the source's that the caller removes; empty where there is none."""
        return self._kept.pop() if len(self._kept) > 1 else ""

    def remove(self) -> None:
        """Remove what is still there."""
        while self._kept:
            file_id = self._kept.pop()
            self._service.ask("clean-up", "DELETE", "/d/{file}", ids={"file": file_id})


def file_id_of(reply: Reply) -> str:
    """The FileId that an upload was answered with, empty where there is none that can be used."""
    file_id = reply.json().get("FileId") if isinstance(reply, Answer) else None
    usable = isinstance(file_id, str) and file_id.isascii() and file_id.isalnum()
    return str(file_id) if usable else ""


def ask_account(service: Service) -> None:
    """Read the account, and try to with a credential that is nobody's."""
    credential = service.credential
    service.ask("user", "GET", "/user", bearer=credential.reader)
    today = datetime.now(UTC).date()
    span = {"startDate": str(today - timedelta(days=_STATISTIC_DAYS)), "endDate": str(today)}
    service.ask("statistic", "GET", "/user/statistic", query=span, bearer=credential.reader)
    service.ask("wrong-credential", "GET", "/user", bearer=f"wrong{secrets.token_hex(8)}")


def ask_files(service: Service, uploads: Uploads) -> None:
    """Upload a source and download it; upload a few more at once, and remove one of them."""
    uploads.upload("upload")
    if not uploads.source:
        return
    ids = {"file": uploads.source}
    service.ask("download", "GET", "/d/{file}", ids=ids)
    service.ask("range", "GET", "/d/{file}", ids=ids, headers={"Range": "bytes=0-3"})
    for number in range(2, _BURST + 1):
        reply = uploads.upload(f"upload-{number}")
        if not file_id_of(reply):
            break
    _remove_a_file(service, uploads)


def _remove_a_file(service: Service, uploads: Uploads) -> None:
    if file_id := uploads.give_up():
        ids = {"file": file_id}
        service.ask("file-delete", "DELETE", "/d/{file}", ids=ids)
        service.ask("unknown-file", "GET", "/d/{file}", ids=ids)
        service.ask("unknown-file-delete", "DELETE", "/d/{file}", ids=ids)


def ask_for_unknown_jobs(service: Service) -> None:
    """Poll and delete jobs that nobody started."""
    for dialect in Dialect:
        path, ids = job_path(dialect), {"job": dialect.job_id(uuid4())}
        service.ask(f"unknown-job-{dialect}", "GET", path, ids=ids)
        bearer = service.credential.bearer
        service.ask(f"unknown-delete-{dialect}", "DELETE", path, ids=ids, bearer=bearer)
    service.ask("no-such-address", "GET", "/conveyor-live/no-such-address")


def ask_for_refusals(service: Service) -> None:
    """Ask for conversions that can't be: without a source, of formats that are none."""
    service.free_post("unsupported-pair", Dialect.QUERY.start_path(*_NO_PAIR), {})
    for dialect in Dialect:
        label = f"address-{dialect}"
        service.free_post(label, dialect.start_path(*PAIR), WRONG_TIMEOUT)


def ask_information(service: Service) -> None:
    """Ask what a conversion takes."""
    service.ask("info-pair", "GET", "/info/{from}/to/{to}", ids={"from": PAIR[0], "to": PAIR[1]})


def job_path(dialect: Dialect) -> str:
    """A job's address as a template."""
    return "/async/job/{job}" if dialect is Dialect.PATH else "/job/{job}"
