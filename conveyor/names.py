"""Names on the wire: tasks and queues.

They never follow module paths, so that producers and workers of different versions, and web
applications with a ``tasks`` package of their own, agree on them.
"""

from __future__ import annotations

from typing import Final

SUBMIT: Final = "conveyor.submit"
POLL: Final = "conveyor.poll"
DELIVER: Final = "conveyor.deliver"
CHECKUP: Final = "conveyor.checkup"

URGENT: Final = "conveyor.urgent"
"""The queue of what nears its expiry at the service: it must not wait behind thousands."""

QUEUES: Final = (SUBMIT, POLL, DELIVER, URGENT)
"""The queues that a worker consumes. Each of the three tasks has one of its own name, so that an
operator sees in the broker what is waiting for what, and can give one more workers."""

QUEUE_OF: Final = {SUBMIT: SUBMIT, POLL: POLL, DELIVER: DELIVER, CHECKUP: DELIVER}
