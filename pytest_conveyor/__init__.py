"""The pytest plugin of Conveyor: ``fake_conveyor``, and ``conveyor_stack`` for the real one.

pytest loads it in each run of every project that has Conveyor installed. So it imports nothing of
Conveyor before a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from celery import Celery

    from conveyor.testing import FakeConveyor
    from conveyor.testing.stack import ConveyorStack

__all__ = ["conveyor_celery_app", "conveyor_stack", "fake_conveyor"]


@pytest.fixture
def conveyor_celery_app() -> Celery | None:
    """The Celery app of ``fake_conveyor``: none. Override it with your own, eager or in memory."""
    return None


@pytest.fixture
def fake_conveyor(conveyor_celery_app: Celery | None) -> Iterator[FakeConveyor]:
    """A `conveyor.testing.FakeConveyor` for one test."""
    from conveyor.testing import FakeConveyor  # noqa: PLC0415  # because most runs don't need it

    with FakeConveyor(conveyor_celery_app) as fake:
        yield fake


@pytest.fixture(scope="session")
def conveyor_stack() -> Iterator[ConveyorStack]:
    """The real Conveyor for the whole run: Valkey, the sandbox and a worker, on loopback.

    It needs the extras ``worker``, ``sandbox`` and ``local``. Its ``conveyor`` is a
    `conveyor.Conveyor`.
    """
    from conveyor.testing.stack import ConveyorStack  # noqa: PLC0415  # because most runs don't

    with ConveyorStack() as stack:
        yield stack
