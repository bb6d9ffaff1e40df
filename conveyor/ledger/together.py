"""Requests of many threads to Redis, sent together.

Whoever comes while a round trip is on its way waits for the next one, which takes all that have
come by then. A thread that is alone sends at once. So nobody waits for the sake of others, and the
more threads there are, the fewer round trips each costs.

One of them leads a round: it sends what waits, and then hands the lead to another. So whatever
interrupts one must not keep the others waiting. The main thread, which a signal may interrupt
anywhere, sends its own alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import Lock, current_thread, main_thread
from typing import Any, Final, cast

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
            return _taught(script, keys, args)
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
        if current_thread() is main_thread():
            self._send([call])
        else:
            self._take_part(call)
        if isinstance(call.answer, BaseException):
            raise call.answer
        for answer in call.answer:
            if isinstance(answer, Exception):
                raise answer
        return list(call.answer)

    def _take_part(self, call: _Call) -> None:
        with self._lock:
            self._waiting.append(call)
            if not self._is_busy:
                self._is_busy = call.leads = True
        try:
            if not call.leads:
                call.turn.acquire()
            if call.leads:
                self._lead(call)
        except BaseException:
            self._give_up(call)
            raise

    def _lead(self, own: _Call) -> None:
        """Send what waits, ours among it, and let another send what has come meanwhile."""
        with self._lock:
            calls = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST))]
        try:
            self._send(calls)
        finally:
            for call in calls:
                if call is not own:
                    call.turn.release()
            self._hand_over(own)

    def _hand_over(self, own: _Call) -> None:
        with self._lock:
            own.leads = False
            following = self._waiting[0] if self._waiting else None
            if following is None:
                self._is_busy = False
            else:
                following.leads = True
                following.turn.release()

    def _give_up(self, call: _Call) -> None:
        """Interrupted, it sends nothing more: nobody is to wait for it."""
        with self._lock:
            if call in self._waiting:
                self._waiting.remove(call)
        if call.leads:
            self._hand_over(call)

    def _send(self, calls: Sequence[_Call]) -> None:
        try:
            pipeline = self._redis.pipeline(transaction=False)
            for call in calls:
                for command in call.commands:
                    pipeline.execute_command(*command)
            answers = iter(pipeline.execute(raise_on_error=False))
            for call in calls:
                call.answer = [next(answers) for _ in call.commands]
        except BaseException as error:
            # What interrupts this thread is nothing that the others have to do with.
            is_ours = not isinstance(error, Exception)
            told = redis.ConnectionError("the round was interrupted") if is_ours else error
            for call in calls:
                if call.answer is None:
                    call.answer = told
            if is_ours:
                raise


def _taught(script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
    """Run a script that the server does not know: it was restarted, and learns it."""
    try:
        return script(keys=list(keys), args=list(args))
    except NoScriptError:  # it has learned it, and has forgotten it again
        client, text = script.registered_client, cast("str", script.script)
        return client.eval(text, len(keys), *keys, *args)
