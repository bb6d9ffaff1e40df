"""A local ConvertAPI that stands for the paid service.

It speaks both dialects of the asynchronous protocol strictly, converts for real without a
network, injects faults on order and audits its client.
"""

from convertapi_sandbox.config import Dialect, Repeated, SandboxConfig
from convertapi_sandbox.durations import Duration
from convertapi_sandbox.server import SandboxServer

__version__ = "0.1.0"

__all__ = ["Dialect", "Duration", "Repeated", "SandboxConfig", "SandboxServer"]
