from __future__ import annotations

import socket

import pytest

from conveyor.callbacks.addresses import (
    AddressRefused,
    Networks,
    Unresolved,
    networks_of,
    resolve,
)
from tests.unit.conveyor.callbacks.lookups import finding

NOWHERE = Networks()


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "100.100.100.200", "0.0.0.0", "224.0.0.1"),
        *("255.255.255.255", "240.0.0.1", "192.0.0.192", "198.18.0.1", "168.63.129.16"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
        *("2001::1", "2001:db8::1", "3fff::1"),
    ],
)
def test_address_inside_is_refused(address):
    with pytest.raises(AddressRefused):
        resolve("shop.example", 443, NOWHERE, finding(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1"]
)
def test_public_address_is_taken(address):
    assert resolve("shop.example", 443, NOWHERE, finding(address)) == [address]


def test_one_address_inside_refuses_all_of_a_name():
    with pytest.raises(AddressRefused):
        resolve("shop.example", 443, NOWHERE, finding("1.1.1.1", "127.0.0.1"))


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "10.1.2.3"])
def test_setting_allows_a_network(address):
    allowed = Networks(networks_of("127.0.0.0/8, 10.1.0.0/16"))

    assert resolve("shop.example", 443, allowed, finding(address)) == [address]


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "localhost"])
def test_other_spellings_of_loopback_are_refused(host):
    with pytest.raises((AddressRefused, Unresolved)):
        resolve(host, 443, NOWHERE)


def _no_name(*_arguments, **_options):
    raise socket.gaierror


@pytest.mark.parametrize("lookup", [_no_name, finding(), finding("no address")])
def test_name_without_an_address_is_unresolved(lookup):
    with pytest.raises(Unresolved):
        resolve("shop.example", 443, NOWHERE, lookup)


def test_same_address_twice_is_tried_once():
    assert resolve("shop.example", 443, NOWHERE, finding("1.1.1.1", "1.1.1.1")) == ["1.1.1.1"]


@pytest.mark.parametrize("text", ["10.0.0.1/8", "x", "10.0.0.0/33"])
def test_what_is_no_network_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        networks_of(text)


def test_four_addresses_of_a_name_are_tried_at_most():
    found = [f"1.1.1.{number}" for number in range(1, 7)]

    assert resolve("shop.example", 443, NOWHERE, finding(*found)) == found[:4]
