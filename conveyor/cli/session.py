"""What every command needs: the library, opened from the environment, and a way out by Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import conveyor
from conveyor.cli.failures import Interrupted
from conveyor.errors import Unavailable

if TYPE_CHECKING:
    from conveyor import Conveyor

__all__ = ["connected", "goes_on"]


@contextmanager
def connected() -> Iterator[Conveyor]:
    """Open the library with the settings of the environment.

    Yields:
        The library; its connections are closed at the end.

    Raises:
        SettingsError: A setting is wrong.
        Interrupted: The user pressed Ctrl-C.
    """
    # Loaded here: it brings Celery and Redis' client, and help and a shell's Tab need neither.
    library = conveyor.Conveyor.from_env()
    try:
        yield library
    except KeyboardInterrupt:
        raise Interrupted("interrupted.") from None
    finally:
        library.close()


@contextmanager
def goes_on(conversion_id: str) -> Iterator[None]:
    """Say, when looking on ends early, that the conversion does not end with it.

    Args:
        conversion_id: The conversion's id.

    Raises:
        Interrupted: The user pressed Ctrl-C.
        Unavailable: A part can't be reached from here.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted. The conversion keeps running. See: conveyor get {conversion_id}",
            [conversion_id],
        ) from None
    except Unavailable as error:
        raise type(error)(
            f"{error} The conversion is not lost. Once that is repaired, run: conveyor wait "
            f"{conversion_id}"
        ) from error
