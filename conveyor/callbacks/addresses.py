"""Which addresses a callback may reach: public ones, and those that a setting allows.

A caller chooses the address, and a worker stands inside your network. So whatever leads back into
it is refused: an internal service, the machine itself, a cloud's metadata.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

__all__ = ["AddressRefused", "Networks", "Unresolved", "networks_of", "resolve"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Lookup = Callable[..., Sequence[Any]]
"""`socket.getaddrinfo`."""

# Of `ip_address.is_global` each release of Python has another opinion, so the lists stand here.
_REFUSED_4: Final = tuple(
    map(
        IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
            *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24"),
            *("192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
            *("224.0.0.0/4", "240.0.0.0/4"),
            "168.63.129.16/32",  # Azure's own services, on an address that looks public
        ),
    )
)
# Only these are routed. What carries an IPv4 address inside (mapped, NAT64, 6to4) is no way round.
_ROUTED_6: Final = IPv6Network("2000::/3")
_REFUSED_6: Final = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
)
_MOST: Final = 4


class AddressRefused(Exception):  # noqa: N818 - it says what has happened
    """A host's address is not public, and no setting allows it."""


class Unresolved(Exception):  # noqa: N818 - the same
    """A host's name has no address."""


@dataclass(frozen=True, slots=True)
class Networks:
    """Networks that callbacks may reach although they are not public.

    Attributes:
        allowed: The networks.
    """

    allowed: tuple[Network, ...] = ()

    def allow(self, address: Address) -> bool:
        """Whether a callback may go to an address.

        Args:
            address: As the connection would use it.
        """
        plain = _plain(address)
        return _is_public(plain) or any(plain in network for network in self.allowed)


def networks_of(texts: str) -> tuple[Network, ...]:
    """Read networks.

    Args:
        texts: ``10.1.0.0/16``, several separated by commas or blanks.

    Raises:
        ValueError: One is none.
    """
    return tuple(map(ip_network, texts.replace(",", " ").split()))


def resolve(
    host: str, port: int, networks: Networks, lookup: Lookup = socket.getaddrinfo
) -> list[str]:
    """Look a host up, once, and check every address that it has.

    Args:
        host: Its name or address.
        port: Its port.
        networks: What is allowed beside public addresses.
        lookup: Asks the name service.

    Returns:
        Up to four addresses. Connect to these and look nothing up again.

    Raises:
        AddressRefused: One of its addresses is not allowed.
        Unresolved: It has none.
    """
    try:
        found = lookup(host.strip("[]"), port, type=socket.SOCK_STREAM)
        texts = list(dict.fromkeys(str(row[4][0]) for row in found))
        addresses = [ip_address(text) for text in texts]
    except (OSError, UnicodeError, ValueError, IndexError, TypeError):
        raise Unresolved from None
    if not addresses:
        raise Unresolved
    # One that is refused makes all of them suspect: who sets such a name wants to get in.
    if not all(map(networks.allow, addresses)):
        raise AddressRefused
    return texts[:_MOST]


def _plain(address: Address) -> Address:
    """An IPv4 address inside an IPv6 one is what the connection would reach."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_4)
    is_routed = address in _ROUTED_6 and address.scope_id is None
    return is_routed and not any(address in network for network in _REFUSED_6)
