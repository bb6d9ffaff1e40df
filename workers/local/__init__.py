"""The embedded stack: Valkey, the sandbox, workers and Flower, as children of one process.

``make demo``, ``make up``, the acceptance tests and the benchmarks use it.
"""

from workers.local.process import Child, StartError
from workers.local.stack import LocalStack
from workers.local.valkey import Valkey

__all__ = ["Child", "LocalStack", "StartError", "Valkey"]
