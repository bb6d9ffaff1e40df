"""What many threads ask of Redis, sent together.

Whoever comes while a round trip is on its way waits for the next one, which takes all that have
come by then. A thread that is alone sends at once. So nobody waits for the sake of others, and the
more threads there are, the fewer round trips each costs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import Lock
from typing import Any, Final

import redis
from redis.commands.core import Script
from redis.exceptions import NoScriptError

__all__ = ["Together"]

# So many answers are read in a row: the first of them waits for the last.
_MOST: Final = 64


Command = tuple[Any, ...]


class _Call:
    """Commands of one thread, which waits for `turn`."""

    __slots__ = ("answer", "commands", "leads", "turn")

    def __init__(self, commands: Sequence[Command]) -> None:
        self.commands = commands
        self.answer: Any = None
        self.leads = False
        # Held until it is this thread's turn: to read its answer, or to send the next round.
        self.turn = Lock()
        self.turn.acquire()


class Together:
    """Sends scripts and commands.

    Args:
        client: Redis.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._lock = Lock()
        self._waiting: deque[_Call] = deque()
        self._is_busy = False

    def run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script.

        Args:
            script: A registered one.
            keys: Its keys.
            args: Its arguments.

        Returns:
            Its answer.

        Raises:
            RedisError: Redis is away, or refuses it.
        """
        call = ("EVALSHA", script.sha, len(keys), *keys, *args)
        try:
            (answer,) = self.send([call])
        except NoScriptError:
            # The server was restarted: it learns the script.
            return script(keys=list(keys), args=list(args))
        return answer

    def send(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands, in one round trip.

        Args:
            commands: Each with its arguments.

        Returns:
            Their answers.

        Raises:
            RedisError: Redis is away, or refuses one of them.
        """
        call = _Call(commands)
        with self._lock:
            self._waiting.append(call)
            if not self._is_busy:
                self._is_busy = call.leads = True
        if not call.leads:
            call.turn.acquire()
        if call.leads:
            self._lead()
        if isinstance(call.answer, BaseException):
            raise call.answer
        for answer in call.answer:
            if isinstance(answer, Exception):
                raise answer
        return list(call.answer)

    def _lead(self) -> None:
        """Send what waits, ours among it, and let another send what has come meanwhile."""
        with self._lock:
            calls = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST))]
        try:
            self._send(calls)
        finally:
            with self._lock:
                following = self._waiting[0] if self._waiting else None
                if following is None:
                    self._is_busy = False
                else:
                    following.leads = True
            for call in calls:
                if not call.leads:
                    call.turn.release()
            if following is not None:
                following.turn.release()

    def _send(self, calls: Sequence[_Call]) -> None:
        try:
            pipeline = self._redis.pipeline(transaction=False)
            for call in calls:
                for command in call.commands:
                    pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            answers = iter(pipeline.execute(raise_on_error=False))
            for call in calls:
                call.answer = [next(answers) for _ in call.commands]
        except BaseException as error:
            for call in calls:
                call.answer = error
            if not isinstance(error, Exception):
                raise
