"""Fakes, and an application's Celery app as its tests have it."""

from __future__ import annotations

from contextlib import closing
from types import SimpleNamespace

import pytest
from celery import Celery

from conveyor.testing import FakeConveyor

URL = "https://example.com/a.docx"


@pytest.fixture
def fake():
    with closing(FakeConveyor()) as made:
        yield made


def shop_of(**settings):
    """A shop's Celery app, with tasks that note what they are called with."""
    app, mails = Celery("shop", set_as_current=False), []
    app.conf.update(settings)

    @app.task(shared=False, name="shop.mail")
    def mail(result, address):
        mails.append((address, [file["name"] for file in result["files"]]))
        return address

    @app.task(shared=False, name="shop.collect")
    def collect(results):
        mails.append([result["source_name"] for result in results])
        return len(results)

    @app.task(shared=False, name="shop.sorry")
    def sorry(request, error, _traceback):
        mails.append((request.id, error.reason))

    @app.task(shared=False, name="shop.sorry_by_id")
    def sorry_by_id(conversion_id):
        mails.append(conversion_id)

    return SimpleNamespace(
        app=app, mails=mails, mail=mail, collect=collect, sorry=sorry, sorry_by_id=sorry_by_id
    )


@pytest.fixture
def eager():
    """A shop whose tasks run at once."""
    return shop_of(task_always_eager=True)


@pytest.fixture
def in_memory():
    """A shop with a broker in memory, and no worker."""
    return shop_of(
        broker_url="memory://",
        result_backend="cache+memory://",
        # Its worker ends with the test, and not a second later.
        broker_transport_options={"polling_interval": 0.01},
    )


@pytest.fixture
def fake_of():
    """Makes a fake for an app, and closes it."""
    made = []

    def make(app):
        made.append(FakeConveyor(app))
        return made[-1]

    yield make
    for fake in made:
        fake.close()
