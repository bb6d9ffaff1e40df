"""The calls of a run: each is labelled, counted where it may be paid, recorded, and kept apart."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from conveyor.live.answers import Answer, Reply, Silence
from conveyor.live.budget import Budget
from conveyor.live.scene import Scene, speaks_of_result
from conveyor.live.tape import Taken, Tape
from conveyor.live.wire import Request, Wire

__all__ = ["Credential", "Service", "TimeUp"]

_SOURCES: Final = ("file", "files", "url", "html", "text")
_OK: Final = range(200, 300)


class TimeUp(Exception):  # noqa: N818 - reads as the sentence it stands for
    """The whole run has taken as long as it may. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What opens the account.

    Attributes:
        bearer: Converts: an API token, a JWT or the secret.
        reader: Reads the account: the master token where there is one, else the same.
    """

    bearer: str
    reader: str


class Service:
    """ConvertAPI, as a run asks it.

    Args:
        scene: Holds the replies.
        wire: The way to it.
        budget: What may be paid.
        tape: Records it all.
        credential: Opens the account.
        deadline: Reading of `time.monotonic` after which nothing more is asked.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        wire: Wire,
        budget: Budget,
        tape: Tape,
        credential: Credential,
        deadline: float,
    ) -> None:
        self.scene = scene
        self.budget = budget
        self.tape = tape
        self.credential = credential
        self._wire = wire
        self._deadline = deadline

    def ask(
        self,
        label: str,
        method: str,
        path: str,
        *,
        ids: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        bearer: str = "",
    ) -> Reply:
        """Ask for something that costs nothing.

        Args:
            label: What is asked; the first reply under it is what facts are judged by.
            method: The HTTP method.
            path: On the host, with names in braces for ids: ``/job/{job}``.
            ids: The ids by name.
            query: The query.
            headers: Headers beside the credential.
            content: A raw body.
            bearer: The credential, empty for none.
        """
        if method == "POST" and "/convert/" in path:
            raise ValueError("a conversion is asked for by `free_post` or `pay`")
        url = self.scene.base_url + _filled(path, ids or {})
        request = Request(
            method=method,
            url=url,
            query=query or {},
            headers={**(headers or {}), **_bearing(bearer)},
            content=content,
        )
        return self._make(label, path, request)

    def fetch(self, label: str, method: str, url: str) -> Reply:
        """Ask for a result file where the service says that it is. No credential goes there."""
        return self._make(label, "<path>", Request(method=method, url=url, query={}, headers={}))

    def free_post(self, label: str, path: str, form: Mapping[str, str]) -> Reply:
        """Ask for a conversion that can't be: it names no source.

        Should it not be refused all the same, no other POST follows.
        """
        if any(name.lower().partition("[")[0] in _SOURCES for name in form):
            raise ValueError("with a source it may be paid")
        if self.budget.is_closed:
            return Silence("not sent: an earlier one, which had to be refused, was not")
        reply = self._make(label, path, self._conversion(path, {}, form))
        if isinstance(reply, Answer) and reply.status in _OK:
            self.budget.close(charged=speaks_of_result(reply) or "JobId" in reply.json())
        return reply

    def pay(
        self, label: str, path: str, query: Mapping[str, str], form: Mapping[str, str]
    ) -> Reply:
        """Start a conversion. It counts before it is sent, whatever becomes of it.

        Raises:
            BudgetSpent: It would be one too many.
        """
        self._check_time()
        self.budget.take()
        return self._make(label, path, self._conversion(path, query, form))

    def _conversion(self, path: str, query: Mapping[str, str], form: Mapping[str, str]) -> Request:
        return Request(
            method="POST",
            url=self.scene.base_url + path,
            query=query,
            headers=_bearing(self.credential.bearer),
            form=form,
        )

    def _make(self, label: str, path: str, request: Request) -> Reply:
        self._check_time()
        # What stands if Ctrl-C comes while we wait.
        reply: Reply = Silence("interrupted")
        try:
            reply = self._wire.send(request)
        finally:
            self._note(label, path, request, reply)
        return reply

    def _note(self, label: str, path: str, request: Request, reply: Reply) -> None:
        self.scene.replies.setdefault(label, reply)
        sent = tuple(sorted(request.headers))
        self.tape.note(
            Taken(
                label=label,
                method=request.method,
                path=path,
                query=request.query,
                sent=sent,
                reply=reply,
            )
        )

    def _check_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise TimeUp


def _filled(path: str, ids: Mapping[str, str]) -> str:
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return path


def _bearing(bearer: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {bearer}"} if bearer else {}
