"""``conveyor doctor --live``: what the documentation says of the service, tried against it.

A run asks for what is free, then spends at most what it may, and judges by what it saw
(`conveyor.live.facts`). It writes a recording without secrets, which the sandbox replays.
"""

from conveyor.live.facts import FACTS
from conveyor.live.findings import Fact, Finding, Verdict
from conveyor.live.hosts import is_accepted
from conveyor.live.inquiry import Inquiry, Report, inquire
from conveyor.live.listener import Listener, port_of
from conveyor.live.plan import MOST_SPENT
from conveyor.live.polling import Limits
from conveyor.live.service import Credential

__all__ = [
    "FACTS",
    "MOST_SPENT",
    "Credential",
    "Fact",
    "Finding",
    "Inquiry",
    "Limits",
    "Listener",
    "Report",
    "Verdict",
    "inquire",
    "is_accepted",
    "port_of",
]
