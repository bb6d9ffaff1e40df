"""A whole stack with its `web` process, asked and looked into from outside."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing

import pytest
import requests

from conveyor.domain.dialect import Dialect
from conveyor.domain.jobs import job_uuid
from conveyor.ledger.keys import Keys
from conveyor.webhooks import address_of

KEYS = Keys()

# Leases, spacings, bells, claims and the check of a connection: they come and go by themselves.
PASSING = tuple(
    "{conveyor}:" + kind for kind in ("turnstile:", "delivery:", "bell:", "claim:", "check")
)


class Site:
    """A running stack: its API's client, its ledger's reader, its sandbox's judge."""

    def __init__(self, stack, sandbox, redis):
        self.stack = stack
        self.sandbox = sandbox
        self._redis = redis
        self._session = requests.Session()
        self._session.trust_env = False

    # -- the API --

    def ask(self, method, path, **options):
        options.setdefault("timeout", 60)
        return self._session.request(method, self.stack.web_url + path, **options)

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def post(self, path, **options):
        return self.ask("POST", path, **options)

    def convert(self, content=b"# Words\n", name="a.md", to="html"):
        answer = self.post("/conversions", params={"to": to, "name": name}, data=content)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def look(self, conversion_id):
        answer = self.get(f"/conversions/{conversion_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def end(self, conversion_id):
        """A conversion at its end: the stream of its events ends then."""
        self.get(f"/conversions/{conversion_id}/events")
        return self.look(conversion_id)

    def cancel(self, conversion_id):
        answer = self.ask("DELETE", f"/conversions/{conversion_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def webhook(self, conversion_id):
        """The address, without its host, that the service was told to call."""
        return address_of("/webhooks", self.stack.settings()["WEBHOOK_KEY"], conversion_id)

    # -- the ledger, as it lies in Redis --

    def entry(self, conversion_id):
        fields = self._redis.hgetall(f"{{conveyor}}:conversion:{conversion_id}")
        return {name.decode(): value.decode() for name, value in fields.items()}

    def job_id(self, conversion_id):
        """Of its first job, also when its record no longer holds it."""
        key = self._redis.get(KEYS.job_key)
        return Dialect.PATH.job_id(job_uuid(key, conversion_id, 1))

    def leftovers(self):
        """How much is to be deleted at the service."""
        return self._redis.zcard(KEYS.leftovers)

    def keys(self):
        """Every key of ours by its content."""
        found = [key.decode() for key in self._redis.keys("{conveyor}:*")]
        return {key: self._redis.dump(key) for key in found if not key.startswith(PASSING)}

    def reservations(self):
        """The folders that are staged and no conversion's: their tokens."""
        return [token.decode() for token in self._redis.zrange("{conveyor}:staging", 0, -1)]

    def waiting_polls(self):
        """How many messages want a poll that no worker has taken."""
        return self._redis.llen("conveyor.poll")

    def changes(self):
        """How many values Redis has changed so far, whoever wished so."""
        return self._redis.info("persistence")["rdb_changes_since_last_save"]

    # -- the storage --

    def staged(self):
        """What lies in the storage for the workers: folders, whole files, broken pieces."""
        place = self.stack.directory / "files" / "staged"
        return sorted(place.rglob("*"))

    def close(self):
        self._session.close()


@pytest.fixture
def tell():
    """Prints a figure; `pytest -rP` shows it."""
    return lambda text: sys.stdout.write(f"{text}\n")


@pytest.fixture
def site_of(sandbox_of):
    """A running stack, seen from outside."""
    with ExitStack() as opened:

        def site_of(stack):
            redis = opened.enter_context(closing(stack.valkey.client()))
            return opened.enter_context(closing(Site(stack, sandbox_of(stack), redis)))

        yield site_of


@pytest.fixture
def site(site_of, stack):
    return site_of(stack)
