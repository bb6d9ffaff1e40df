"""A client whose transactions end when their connection is lost. kombu's transport uses it."""

from __future__ import annotations

from typing import Any, Final

import redis

__all__ = ["TransactionClient"]

# redis-py raises the same `WatchError` for a changed key and for a lost connection. These are the
# words of the second.
_LOST: Final = "occurred while watching"


class TransactionClient(redis.Redis):
    """redis-py's client, for a process that must notice when its server refuses writes."""

    def transaction(self, func: Any, *watches: Any, **_options: Any) -> Any:
        """Try a transaction again while others change what it watches, and only then.

        redis-py takes a lost connection for a changed key, too, and begins anew at once: handing
        messages back to a server that refuses writes would never end, and pause never.

        Args:
            func: As redis-py has it.
            watches: Keys.

        Raises:
            ConnectionError: The connection was lost on the way.
        """
        with self.pipeline(True) as pipe:
            while True:
                try:
                    pipe.watch(*watches)
                    func(pipe)
                    return pipe.execute()
                except redis.WatchError as error:
                    if _LOST in str(error):
                        raise redis.ConnectionError(str(error)) from error
