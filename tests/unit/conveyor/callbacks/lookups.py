"""Name services that know what a test tells them."""

from __future__ import annotations

import socket


def finding(*addresses):
    """A name service that knows these addresses of every name."""

    def lookup(_host, port, **_options):
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (address, port),
            )
            for address in addresses
        ]

    return lookup
