"""What a server says when it can't be used, and the cure."""

from __future__ import annotations

from typing import Final

import redis
from redis.exceptions import (
    AskError,
    AuthenticationWrongNumberOfArgsError,
    ClusterCrossSlotError,
    ClusterDownError,
    InvalidResponse,
    MasterDownError,
    MaxConnectionsError,
    NoPermissionError,
    OutOfMemoryError,
    TryAgainError,
)

from conveyor.ledger.symptoms import Cause, Rule, answered, any_of, is_a, mentions

__all__ = ["SERVER_RULES"]


SERVER_RULES: Final = (
    Rule(
        is_a(MasterDownError),
        Cause(
            "is a replica that has lost its primary", "start the primary, or set {setting} to it"
        ),
    ),
    Rule(
        any_of(
            is_a(AskError, TryAgainError, ClusterDownError, ClusterCrossSlotError),
            answered("not allowed in cluster mode", "cluster mode is enabled"),
        ),
        Cause(
            "is a Redis Cluster, for which Celery has no client",
            "set {setting} to a single server or a Sentinel",
        ),
    ),
    Rule(
        any_of(is_a(redis.BusyLoadingError), answered("loading ")),
        Cause("is still loading its data", "wait until its log says that it is ready"),
    ),
    Rule(
        any_of(is_a(redis.ReadOnlyError), answered("readonly ", "unblocked ")),
        Cause(
            "is a replica and refuses writes",
            "wait until this address leads to the primary, or set {setting}",
        ),
    ),
    Rule(
        any_of(is_a(OutOfMemoryError), answered("oom ")),
        Cause("is out of memory and refuses writes", "raise its maxmemory, or make room"),
    ),
    Rule(
        answered("misconf "),
        Cause(
            "can't save to its disk and refuses writes",
            "check its log, and free disk space",
        ),
    ),
    Rule(
        answered("noreplicas "),
        Cause(
            "has too few replicas and refuses writes",
            "start them, or lower its min-replicas-to-write",
        ),
    ),
    Rule(
        answered("busy "),
        Cause("is busy with a script that does not end", "stop the script with SCRIPT KILL"),
    ),
    Rule(
        answered("denied ", "protected mode"),
        Cause(
            "is in protected mode and refuses clients from other machines",
            "give it a password, and put that into {setting}",
        ),
    ),
    Rule(
        answered("noauth "),
        Cause("asks for a password", "put it into {setting}, as redis://:PASSWORD@host:port/0"),
    ),
    Rule(
        answered("without any password configured"),
        Cause("has no password, but you gave one", "remove it from {setting}"),
    ),
    Rule(
        any_of(is_a(NoPermissionError), answered("noperm ")),
        Cause(
            "does not give this user the permissions that Conveyor needs",
            "give it those that docs/production.md lists, or set another user in {setting}",
        ),
    ),
    Rule(
        any_of(is_a(MaxConnectionsError), answered("max number of clients")),
        Cause(
            "has reached its maxclients",
            "raise its maxclients, or stop clients that you don't need",
        ),
    ),
    Rule(
        any_of(
            is_a(redis.AuthenticationError, AuthenticationWrongNumberOfArgsError),
            answered("wrongpass ", "invalid username-password"),
            mentions("ACCESS_REFUSED", "AccessRefused"),
        ),
        Cause("refused the user name or the password", "check those in {setting}"),
    ),
    Rule(
        answered("db index is out of range", "invalid db index"),
        Cause(
            "has no database with that number", "use a number below its `databases` in {setting}"
        ),
    ),
    Rule(
        answered("unknown command"),
        Cause(
            "does not know a command that Conveyor needs",
            "use a Redis or Valkey version that docs/production.md lists, and rename none of its "
            "commands",
        ),
    ),
    Rule(
        any_of(is_a(InvalidResponse), answered("protocol error")),
        Cause("is not a Redis: it answers in another protocol", "check host and port in {setting}"),
    ),
)
"""The first that applies wins."""
