"""Runs the ledger's scripts as Redis does: in Lua 5.1, with `redis.call` and `cjson`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import sha1
from typing import Any, Final

import redis

from conveyor.errors import SettingsError
from conveyor.installing import how_to_install
from conveyor.ledger.in_memory.values import Status

__all__ = ["Lua"]

# What `error` raises in a script is a Lua error. One of Redis' keeps its words.
_SANDBOX: Final = """
function(call, encode, decode, null, sha1hex)
  local function checked(answer)
    if type(answer) == 'table' and answer.err then error(answer.err, 0) end
    return answer
  end
  redis = {
    call = function(...) return checked(call(...)) end,
    pcall = function(...) return call(...) end,
    error_reply = function(text) return {err = text} end,
    status_reply = function(text) return {ok = text} end,
    sha1hex = sha1hex,
  }
  cjson = {encode = encode, decode = decode, null = null}
end
"""


class Lua:
    """An interpreter of one in-memory server.

    Args:
        run: Runs a command of the server's.
    """

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run
        lua = _lua51()
        self._lua = lua.LuaRuntime(register_eval=False, register_builtins=False)
        self._error: type[Exception] = lua.LuaError
        self._compiled: dict[str, Any] = {}
        self._null = object()
        begin = self._lua.eval(_SANDBOX)
        begin(self._call, self._encode, self._decode, self._null, _sha1hex)

    def run(self, text: str, keys: Sequence[str], args: Sequence[str]) -> Any:
        """Run a script.

        Args:
            text: The script.
            keys: Its ``KEYS``.
            args: Its ``ARGV``.

        Returns:
            Its answer, as a server gives it.

        Raises:
            ResponseError: It has failed.
        """
        compiled = self._compiled.get(text)
        if compiled is None:
            compiled = self._compiled[text] = self._lua.eval(f"function(KEYS, ARGV) {text}\nend")
        try:
            answer = compiled(self._lua.table_from(keys), self._lua.table_from(args))
        except self._error as error:
            said, *_stack = str(error).splitlines()
            raise redis.ResponseError(said) from error
        return self._from_lua(answer)

    def _call(self, name: str, *args: Any) -> Any:
        try:
            return self._to_lua(self._run(name, *map(_text_of, args)))
        except redis.ResponseError as error:
            return self._lua.table_from({"err": str(error)})

    def _to_lua(self, answer: Any) -> Any:
        """An answer of the server's as a script sees it."""
        if answer is None:
            return False
        if isinstance(answer, Status):
            return self._lua.table_from({"ok": str(answer)})
        if isinstance(answer, list):
            return self._lua.table_from([self._to_lua(item) for item in answer])
        return answer

    def _from_lua(self, value: Any) -> Any:
        """What a script returns as the server answers it."""
        if value is None or value is False:
            return None
        if value is True:
            return 1
        if isinstance(value, float):
            return int(value)
        if isinstance(value, str | int):
            return value
        if value["err"] is not None:
            raise redis.ResponseError(value["err"])
        if value["ok"] is not None:
            return Status(value["ok"])
        items: list[Any] = []
        # The first hole ends it.
        while (item := value[len(items) + 1]) is not None:
            items.append(self._from_lua(item))
        return items

    def _decode(self, text: str) -> Any:
        return self._table(json.loads(text))

    def _table(self, value: Any) -> Any:
        if value is None:
            return self._null
        if isinstance(value, dict):
            return self._lua.table_from({key: self._table(item) for key, item in value.items()})
        if isinstance(value, list):
            return self._lua.table_from([self._table(item) for item in value])
        return value

    def _encode(self, value: Any) -> str:
        return json.dumps(self._plain(value), separators=(",", ":"))

    def _plain(self, value: Any) -> Any:
        if value is self._null:
            return None
        if not _is_table(value):
            return value
        items = {key: self._plain(item) for key, item in value.items()}
        places = list(range(1, len(items) + 1))
        return [items[place] for place in places] if items and [*items] == places else items


def _lua51() -> Any:
    try:
        from lupa import lua51  # noqa: PLC0415  # because only a test has it
    except ImportError:
        raise SettingsError(
            f"Install the package lupa, which conveyor.testing needs. {how_to_install('testing')}."
        ) from None
    return lua51


def _sha1hex(text: str) -> str:
    return sha1(text.encode(), usedforsecurity=False).hexdigest()


def _is_table(value: Any) -> bool:
    return hasattr(value, "items") and hasattr(value, "__getitem__")


def _text_of(value: Any) -> str:
    """A number as Lua hands it to Redis: with 17 digits."""
    return f"{value:.17g}" if isinstance(value, float) else str(value)
