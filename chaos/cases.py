"""All faults that a fleet meets, in the order of `docs/chaos.md`, which tells them in words."""

from __future__ import annotations

from typing import Final

from chaos.back_to_work import BACK_TO_WORK_CASES
from chaos.clock_cases import CLOCK_CASES
from chaos.message_cases import MESSAGE_CASES
from chaos.service_cases import SERVICE_CASES
from chaos.valkey_cases import VALKEY_CASES
from chaos.worker_cases import WORKER_CASES

__all__ = ["CASES"]

CASES: Final = (
    *WORKER_CASES,
    *VALKEY_CASES,
    *CLOCK_CASES,
    *SERVICE_CASES,
    *MESSAGE_CASES,
    *BACK_TO_WORK_CASES,
)
