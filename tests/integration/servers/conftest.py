"""Redis and Valkey as they are found: with TLS, users, sockets and sentinels. All are real."""

from __future__ import annotations

import datetime as dt
import ipaddress
import shutil
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local_stack.ports import free_port
from local_stack.valkey import Valkey

# Valkey's wheel is built without TLS and without the sentinel's name; Debian's Redis has both.
REDIS = shutil.which("redis-server")
PASSWORD = "p@ss/w:rd"
DAY = dt.timedelta(days=1)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Signs certificates for loopback."""

    def __init__(self, folder):
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._cert = self._sign("Test authority", self._key.public_key(), is_ca=True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(self._cert.public_bytes(serialization.Encoding.PEM))

    def issue(self, name):
        """A certificate and its key, as two files."""
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self._sign(name, key.public_key())
        files = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        files[0].write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return files

    def _sign(self, name, public_key, *, is_ca=False):
        now = dt.datetime.now(dt.UTC)
        loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name("Test authority"))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
            .sign(self._key, hashes.SHA256())
        )


@pytest.fixture(scope="module")
def folder():
    # A socket's path may be no longer than 107 characters.
    with tempfile.TemporaryDirectory(prefix="servers-") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def authority(folder):
    return Authority(folder)


@pytest.fixture(scope="module")
def tls_server(folder, authority):
    """It wants a client's certificate, too."""
    if REDIS is None:
        pytest.skip("needs redis-server, built with TLS")
    cert, key = authority.issue("server")
    tls_port = free_port()
    options = {
        "tls-port": str(tls_port),
        "tls-cert-file": str(cert),
        "tls-key-file": str(key),
        "tls-ca-cert-file": str(authority.file),
        "tls-auth-clients": "yes",
    }
    with Valkey(folder / "tls", password="hush", options=options, program=REDIS) as server:
        server.tls_port = tls_port
        server.client_files = authority.issue("client")
        yield server


@pytest.fixture(scope="module")
def plain_server(folder):
    """On a socket, on IPv6 and with a user whose password needs to be encoded."""
    options = {
        "unixsocket": str(folder / "valkey.sock"),
        "bind": "127.0.0.1 ::1",
        "databases": "20",
    }
    with Valkey(folder / "plain", options=options) as server:
        with closing(server.client()) as client:
            client.execute_command(
                "ACL", "SETUSER", "shop", "on", f">{PASSWORD}", "~*", "&*", "+@all"
            )
        server.socket = folder / "valkey.sock"
        yield server
