"""What a connection does when a server can't be used, and the cure."""

from __future__ import annotations

import errno
import socket
from typing import Final

import redis

from conveyor.ledger.symptoms import (
    Cause,
    Rule,
    all_of,
    any_of,
    failed_tls,
    failed_with,
    is_a,
    mentions,
)

__all__ = ["CONNECTION_RULES", "SILENT"]

SILENT: Final = Cause(
    "did not answer in time",
    "check whether it is overloaded or hangs, and whether a firewall blocks {setting}",
)


CONNECTION_RULES: Final = (
    Rule(
        failed_tls("CERTIFICATE_VERIFY_FAILED"),
        Cause(
            "shows a certificate that can't be verified",
            "name the authority with ssl_ca_certs in {setting}, and use the host name in the "
            "certificate",
        ),
    ),
    Rule(
        failed_tls(
            "TLSV13_ALERT_CERTIFICATE_REQUIRED",
            "SSLV3_ALERT_BAD_CERTIFICATE",
            "TLSV1_ALERT_UNKNOWN_CA",
        ),
        Cause(
            "asks for a client certificate, or refuses yours",
            "set one with ssl_certfile and ssl_keyfile in {setting}",
        ),
    ),
    Rule(
        any_of(failed_tls(), mentions("handshake operation timed out")),
        Cause(
            "does not speak TLS on this port",
            "set {setting} to redis://, or to the port that speaks TLS",
        ),
    ),
    Rule(
        is_a(socket.gaierror),
        Cause("can't be found by its name", "check the host in {setting} and your DNS"),
    ),
    Rule(
        any_of(is_a(ConnectionRefusedError), failed_with(errno.ECONNREFUSED)),
        Cause("refused the connection: no server listens there", "start it, or set {setting}"),
    ),
    Rule(
        failed_with(errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL),
        Cause(
            "can't be reached over the network", "check the host in {setting}, and the route to it"
        ),
    ),
    Rule(
        is_a(FileNotFoundError),
        Cause("has no socket at that path", "start it, or check the path in {setting}"),
    ),
    Rule(
        is_a(PermissionError),
        Cause("has a socket that this user may not open", "give this user permission to open it"),
    ),
    Rule(
        is_a(NotADirectoryError, IsADirectoryError),
        Cause("has no socket at that path", "check the path in {setting}"),
    ),
    Rule(
        failed_with(errno.EMFILE, errno.ENFILE),
        Cause(
            "can't be reached: this process has too many open files", "raise its limit (ulimit -n)"
        ),
    ),
    Rule(
        any_of(is_a(TimeoutError, redis.TimeoutError), failed_with(errno.ETIMEDOUT)),
        SILENT,
    ),
    Rule(
        any_of(
            is_a(ConnectionResetError, BrokenPipeError, ConnectionAbortedError),
            all_of(is_a(redis.ConnectionError), mentions("closed by server", "Connection closed")),
        ),
        Cause(
            "closed the connection before it answered",
            "if the port speaks only TLS, set {setting} to rediss://. Otherwise check the "
            "server's log",
        ),
    ),
    Rule(
        all_of(is_a(redis.ConnectionError), mentions("No connection available")),
        Cause(
            "has no free connection left in this process",
            "use one Conveyor object per process, or find what holds the connections",
        ),
    ),
    Rule(
        is_a(redis.ResponseError),
        Cause("refused a command", "check its memory, disk, role and permissions"),
    ),
    Rule(
        is_a(redis.ConnectionError, OSError),
        Cause("can't be reached", "start it, or set {setting}"),
    ),
)
"""The first that applies wins: a socket's own error before the client's word for it."""
