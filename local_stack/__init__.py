"""The development stack: Valkey, the sandbox, workers and Flower, as children of one process.

It stands behind ``make demo``, ``make up`` and ``conveyor up``, the acceptance tests and the
benchmarks. Nothing that runs in production imports it.
"""

from local_stack.process import Child, StartError
from local_stack.stack import LocalStack
from local_stack.valkey import Valkey

__all__ = ["Child", "LocalStack", "StartError", "Valkey"]
