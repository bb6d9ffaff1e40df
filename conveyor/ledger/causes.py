"""Why a server can't be used, and the cure: for Redis, the broker and the results alike.

Whoever asks hands in what was raised, and everything that it was raised from is looked through. No
text of an error gets into the words: it may quote a password.
"""

from __future__ import annotations

from typing import Final

from conveyor.ledger.connection_causes import CONNECTION_RULES, SILENT
from conveyor.ledger.server_causes import SERVER_RULES
from conveyor.ledger.symptoms import Cause, chain_of

__all__ = ["cause_of", "explain"]

_SILENT_TO_TLS: Final = Cause(
    "did not answer TLS in time",
    "if the port does not speak TLS, set {setting} to redis://. Otherwise check whether it is "
    "overloaded, hangs, or is blocked by a firewall",
)
_TLS_SCHEMES: Final = ("rediss", "sentinels", "amqps")


def cause_of(error: BaseException) -> Cause:
    """Find why a server can't be used.

    Args:
        error: What its client has raised, or what our own error was raised from.

    Returns:
        The cause. The more a rule knows, the earlier it is asked.
    """
    chain = list(chain_of(error))
    # What a server says counts before what its connection did.
    for rule in (*SERVER_RULES, *CONNECTION_RULES):
        if any(map(rule.applies, chain)):
            return rule.cause
    return Cause(f"can't be used ({type(error).__name__})", "check its log and {setting}")


def explain(server: str, error: BaseException, setting: str) -> str:
    """Say in one line why a server can't be used, and what to do.

    Args:
        server: As the line begins, the address without credentials: ``The broker at redis://…``.
        error: What was raised.
        setting: The name of the setting that leads there.
    """
    cause = cause_of(error)
    # A port without TLS waits for more of what it takes for a command, and redis-py loses the hint.
    if cause is SILENT and any(f"{scheme}://" in server for scheme in _TLS_SCHEMES):
        cause = _SILENT_TO_TLS
    return f"{server} {cause.what}: {cause.cure.format(setting=setting)}."
