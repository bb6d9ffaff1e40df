"""A Redis in this process's memory, for tests: it runs the ledger's own scripts.

It knows the commands that the ledger uses, and no others. The scripts run as they are, in Lua, so a
conversion changes its state in a test exactly as it does in production. `conveyor.testing` builds
on it.
"""

from conveyor.ledger.in_memory.client import in_memory_client
from conveyor.ledger.in_memory.clock import Clock
from conveyor.ledger.in_memory.server import MemoryServer
from conveyor.ledger.in_memory.watch import MemoryWatch

__all__ = ["Clock", "MemoryServer", "MemoryWatch", "in_memory_client"]
