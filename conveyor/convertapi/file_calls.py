"""The calls about files: a source is uploaded, a result is fetched and deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO
from urllib.parse import quote

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.bodies import Download
from conveyor.convertapi.calls import Calls, was_there
from conveyor.convertapi.cleaning import clean_identifier
from conveyor.convertapi.errors import Unclear
from conveyor.convertapi.known_secrets import tokens_in
from conveyor.convertapi.outcomes import typed
from conveyor.convertapi.reading import checked
from conveyor.convertapi.retrying import RETRY_SAFE, insisting

__all__ = ["FileCalls"]


class FileCalls(Calls):
    """The calls about files. They raise `ApiError`."""

    def delete_file(self, url: str) -> bool:
        """Delete a result file at the service.

        Args:
            url: The file's URL, as the service gave it.

        Returns:
            Whether it was there.

        Raises:
            ApiError: The service did not do it, or the file is not on a host of the service's.
        """
        with typed():
            answer = self._ask(RETRY_SAFE, "DELETE", "", base_url=url)
            return was_there(answer, self._scrubber(*tokens_in(url)))

    def upload(
        self, name: str, open_stream: Callable[[], AbstractContextManager[IO[bytes]]]
    ) -> str:
        """Upload a source, streamed.

        Args:
            name: Its file name, which tells the service the format.
            open_stream: Opens its content; called once for each try.

        Returns:
            Its FileId, kept by the service for at most three hours.

        Raises:
            ComeLater: The service is throttling.
            ApiError: The service did not take it.
        """
        # RFC 6266 and RFC 8187, as the protocol shows it.
        disposition = f"attachment; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
        with typed():
            deadline = self._transport.timeouts.transfer_deadline()
            send = self._transport.upload
            answer = insisting(
                RETRY_SAFE, lambda: send("/upload", open_stream, disposition, deadline)
            )
            body = checked(answer, self._scrubber()).json() or {}
            file_id = clean_identifier(body.get("FileId"))
            if not file_id:
                raise Unclear("the upload was answered without a FileId")
            return file_id

    @contextmanager
    def download(self, url: str, start: int = 0, tag: str = "") -> Iterator[Download]:
        """Open a result file.

        Args:
            url: As the service gave it.
            start: The first byte that is wanted: to go on with a download that broke off.
            tag: The `Download.tag` of what came before it.

        Yields:
            The file. It begins at 0 where the service does not go on from within.

        Raises:
            ComeLater: The service is throttling.
            ApiError: It can't be had whole.
        """
        with self._transport.download(url, start, tag) as came:
            if isinstance(came, Answer):
                checked(came, self._scrubber(*tokens_in(url)))
                raise Unclear(f"the download was answered with HTTP {came.status}")
            yield came
