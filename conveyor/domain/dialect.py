"""The two dialects of the asynchronous protocol, as differences in addresses and ids.

The seed describes the *query* dialect, the vendor's present documentation the *path* dialect.
"""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import quote
from uuid import UUID

__all__ = ["Dialect"]


class Dialect(StrEnum):
    """A dialect: how asynchronous jobs are started and addressed."""

    PATH = "path"
    QUERY = "query"

    def start_path(self, from_format: str, to_format: str) -> str:
        """The path that starts a job."""
        convert = f"/convert/{quote(from_format)}/to/{quote(to_format)}"
        return f"/async{convert}" if self is Dialect.PATH else convert

    def start_query(self, job_id: str, *, semi: bool = False) -> dict[str, str]:
        """The query parameters of a start in this dialect.

        Args:
            job_id: Ours.
            semi: Semi-asynchronous (seed): the answer is the result, and where the connection
                breaks the job goes on. The query dialect has it.
        """
        if self is Dialect.PATH or semi:
            return {"JobId": job_id}
        return {"Async": "true", "JobId": job_id}

    def job_path(self, job_id: str) -> str:
        """The path of a job, for polls and deletion."""
        job = f"/job/{quote(job_id, safe='')}"
        return f"/async{job}" if self is Dialect.PATH else job

    def job_id(self, uuid: UUID) -> str:
        """Write an id of our own as this dialect wants it.

        Args:
            uuid: A random one.

        Returns:
            32 characters of a-z and 0-9 (path), or RFC 4122 text (query).
        """
        return uuid.hex if self is Dialect.PATH else str(uuid)
