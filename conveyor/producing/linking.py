"""The part of `conveyor.Conveyor` that gives a customer a link to a result file."""

from __future__ import annotations

from conveyor.async_twins import async_twin
from conveyor.domain.conversion import StoredFile
from conveyor.domain.entry import Entry
from conveyor.domain.spans import Span, seconds_of
from conveyor.errors import FileGone, InvalidRequest, LinkExpired, UnknownConversion
from conveyor.links import LEAST_LINK_S, MOST_LINK_S, address_of, is_genuine
from conveyor.producing.wiring import ProducerServices

__all__ = ["Linking"]


class Linking:
    """Makes links, and finds what a link leads to."""

    _services: ProducerServices

    def link(self, conversion_id: str, name: str | None = None, expires: Span = "1h") -> str:
        """Make a link to a result file, for somebody who has no API key.

        With ``CONVEYOR_LINK_URL`` set, it leads to your `web` process, and ends at once if you
        delete the conversion. Without it the storage signs the link, if it can
        (`Storage.url`). Whoever has the link can fetch the file until it ends.

        Args:
            conversion_id: The conversion's id.
            name: The file's name; None for the only one.
            expires: For how long: ``"1h"``, ``"30m"``, a timedelta, or seconds, up to 7 days.

        Returns:
            The URL.

        Raises:
            InvalidRequest: There is no such file, or several and no name, or ``expires`` is out of
                bounds.
            FileGone: The file was removed because its life was over.
            UnknownConversion: There is no such conversion; `ConversionDeleted` where you deleted
                it.
            StorageError: The storage can't sign.
            LedgerUnavailable: Redis can't be reached.
        """
        seconds = seconds_of("expires", expires, least_s=LEAST_LINK_S, most_s=MOST_LINK_S)
        services = self._services
        entry = services.ledger.get(conversion_id)
        file = _there(_file_of(entry, name))
        settings = services.settings
        if not settings.link_url:
            return services.storage.url(file, seconds)
        key, ends = settings.link_key.get_secret_value(), int(entry.seen_at + seconds)
        return address_of(settings.link_url, key, conversion_id, file.name, ends)

    def linked_file(
        self, conversion_id: str, name: str, expires: int, signature: str
    ) -> StoredFile:
        """Find the file that a link of `link` leads to, if the link is genuine and has not ended.

        Args:
            conversion_id: As the link names it.
            name: As the link names the file.
            expires: As the link says.
            signature: As the link says.

        Raises:
            LinkExpired: The link has ended.
            ConversionDeleted: The conversion was deleted.
            UnknownConversion: The link is not genuine, or there is no such file.
            FileGone: The file was removed because its life was over.
            LedgerUnavailable: Redis can't be reached.
        """
        key = self._services.settings.link_key.get_secret_value()
        if not key or not is_genuine(key, conversion_id, name, expires, signature):
            raise UnknownConversion("This link is not valid. Ask for a new one.")
        entry = self._services.ledger.get(conversion_id)
        if entry.seen_at >= expires:
            raise LinkExpired("This link has expired. Ask for a new one.")
        return _there(_file_of(entry, name))

    alink = async_twin(link)
    """Async version of `link`."""

    alinked_file = async_twin(linked_file)
    """Async version of `linked_file`."""


def _file_of(entry: Entry, name: str | None) -> StoredFile:
    files = entry.conversion.files
    if name is None and len(files) == 1:
        return files[0]
    found = next((file for file in files if file.name == name), None)
    if found is not None:
        return found
    if not files:
        raise InvalidRequest(
            f"The conversion {entry.id!r} is {entry.state}, so there is no file to link to. Make "
            "the link when it has succeeded."
        )
    names = ", ".join(repr(file.name) for file in files[:5])
    more = f" and {len(files) - 5} more" if len(files) > 5 else ""  # noqa: PLR2004 - as above
    raise InvalidRequest(f"Name one of the conversion's files: {names}{more}.")


def _there(file: StoredFile) -> StoredFile:
    if file.removed_at is not None:
        raise FileGone(
            "The file was removed because its life was over. Convert the document again."
        )
    return file
