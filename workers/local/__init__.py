"""The embedded stack: Valkey, the sandbox, workers and Flower, as children of one process.

It stands behind ``make demo`` and ``make up``, the acceptance tests and the benchmarks.
"""

from workers.local.process import Child, StartError
from workers.local.stack import LocalStack
from workers.local.valkey import Valkey

__all__ = ["Child", "LocalStack", "StartError", "Valkey"]
