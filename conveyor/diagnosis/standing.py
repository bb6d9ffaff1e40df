"""The settings of Redis and the broker, and the risks in them.

`conveyor doctor` shows it. Workers and the web process check them at their start, log each concern
once, and refuse to start where nothing can work.
"""

from __future__ import annotations

from dataclasses import dataclass

from celery import Celery

from conveyor.diagnosis.broker import broker_channel
from conveyor.diagnosis.checks import Finding
from conveyor.ledger import Ledger
from conveyor.ledger.concerns import Concern
from conveyor.ledger.server import Standing, is_client, look_at_server

__all__ = ["Server", "fatal_of", "finding_of", "look"]


@dataclass(frozen=True, slots=True)
class Server:
    """One server and its risks.

    Attributes:
        name: What is kept there: ``redis`` the conversions, ``broker`` the messages.
        standing: What was seen.
    """

    name: str
    standing: Standing

    @property
    def sentences(self) -> tuple[str, ...]:
        """Its concerns, each with a cure."""
        return tuple(f"{self._named(concern)}." for concern in self.standing.concerns)

    def _named(self, concern: Concern) -> str:
        return f"The {self.name} server: {concern.detail}"


def look(ledger: Ledger, app: Celery) -> list[Server]:
    """Check the servers: only one, where both are the same.

    Args:
        ledger: Where conversions are kept.
        app: Through which messages are sent; a broker of another kind is passed over.

    Raises:
        LedgerUnavailable: Redis can't be reached.
        BrokerUnavailable: The broker can't be reached.
    """
    kept = ledger.standing()
    servers = [Server("redis", kept)]
    if fatal_of(servers) is None:
        sent = _standing_of_broker(app)
        if sent is not None and (sent.run_id != kept.run_id or not kept.run_id):
            servers.append(Server("broker", sent))
    return servers


def finding_of(servers: list[Server]) -> Finding:
    """All that was seen, in one line."""
    seen = "; ".join(f"{server.name}: {server.standing.summary}" for server in servers)
    told = [sentence for server in servers for sentence in server.sentences]
    return Finding(" ".join([f"{seen}.", *told]) if told else seen, warning=bool(told))


def fatal_of(servers: list[Server]) -> str | None:
    """Why nothing can work, in one line; None where it can."""
    for server in servers:
        for concern in server.standing.concerns:
            if concern.is_fatal:
                return f"The {server.name} server can't be used: {concern.detail}."
    return None


def _standing_of_broker(app: Celery) -> Standing | None:
    with broker_channel(app) as channel:
        client = getattr(channel, "client", None)
        return look_at_server(client) if is_client(client) else None
