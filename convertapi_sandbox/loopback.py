"""Which hosts are this machine."""

from __future__ import annotations

from ipaddress import ip_address

__all__ = ["bracketed", "is_loopback"]


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own loopback.

    Args:
        host: A name or an address, an IPv6 address with or without brackets.
    """
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bracketed(host: str) -> str:
    """The host as a URL spells it: an IPv6 address stands in brackets.

    Args:
        host: A name, or an address without brackets.
    """
    return f"[{host}]" if ":" in host else host
