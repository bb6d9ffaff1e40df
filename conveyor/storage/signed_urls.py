"""URLs that a storage signs, so that somebody without credentials can fetch one file."""

from __future__ import annotations

from conveyor.errors import StorageError
from conveyor.storage.faults import translated
from conveyor.storage.place import Place

__all__ = ["signed_url"]


def signed_url(place: Place, path: str, seconds: int) -> str:
    """Have a file system sign a URL.

    Args:
        place: Where the file lies.
        path: Its path there.
        seconds: For how long the URL is of use.

    Raises:
        StorageError: It can't sign, or can't be reached.
    """
    scheme = place.url.partition("://")[0]
    if not place.is_atomic:
        raise StorageError(
            f"A storage of the kind {scheme}:// can't sign URLs. Set CONVEYOR_LINK_URL and "
            "CONVEYOR_LINK_KEY, and use conveyor.link(): your web process then serves the file."
        )
    with translated("sign a URL for the storage", place.url):
        try:
            return str(place.fs.sign(path, expiration=seconds))
        except (AttributeError, NotImplementedError, TypeError, ValueError):
            # Google's and Azure's drivers, where the credentials hold no key: each in its own way.
            raise StorageError(
                f"The credentials of the {scheme}:// storage can't sign URLs: they hold no key. "
                "Use a service account's or the account's key. Or set CONVEYOR_LINK_URL and "
                "CONVEYOR_LINK_KEY, and use conveyor.link(): your web process then serves the file."
            ) from None
