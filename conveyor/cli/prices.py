"""What a replay of dead letters costs, in words: what is paid again, and what is only fetched."""

from __future__ import annotations

from collections.abc import Mapping

from conveyor.cli.text import count

__all__ = ["Costs", "plan", "price", "too_many"]

Costs = Mapping[str, bool]
"""Whether the replay of each is paid again, by id."""


def plan(costs: Costs, limit: int) -> str:
    """Say what a replay would do.

    Args:
        costs: The dead letters that were chosen.
        limit: No more than so many are replayed.
    """
    if not costs:
        return "There is nothing to replay."
    if len(costs) > limit:
        return f"{too_many(costs, limit)} {price(costs)}"
    return f"This would replay {count(len(costs), 'dead letter')}. {price(costs)}"


def price(costs: Costs) -> str:
    """Say what a replay costs.

    Args:
        costs: The dead letters that were chosen.
    """
    paid = sum(costs.values())
    if not paid:
        return "Their results are paid and are fetched again; nothing is paid again."
    if paid == len(costs):
        return f"A replay is a new conversion: {count(paid, 'conversion')} will be paid again."
    return (
        f"{count(paid, 'conversion')} will be paid again; "
        f"{count(len(costs) - paid, 'result')} paid before will only be fetched again."
    )


def too_many(costs: Costs, limit: int) -> str:
    """Say that more were chosen than the limit permits.

    Args:
        costs: The dead letters that were chosen.
        limit: No more than so many are replayed.
    """
    return (
        f"These are {len(costs)} dead letters, and --limit is {limit}: raise it, or choose fewer."
    )
