from __future__ import annotations

import pytest

from conveyor.cli.failures import Interrupted
from conveyor.cli.session import goes_on
from conveyor.errors import ConversionFailed, LedgerUnavailable, StorageError


def test_ctrl_c_says_that_the_conversion_continues():
    with pytest.raises(Interrupted) as raised, goes_on("some-id"):
        raise KeyboardInterrupt
    assert "The conversion keeps running. See: conveyor get some-id" in str(raised.value)


@pytest.mark.parametrize("kind", [LedgerUnavailable, StorageError])
def test_unavailable_part_says_how_to_resume(kind):
    with pytest.raises(kind, match=r"^Away\. .* conveyor wait some-id$"), goes_on("some-id"):
        raise kind("Away.")


def test_the_end_of_a_conversion_is_passed_on():
    failed = ConversionFailed("Damaged.")
    with pytest.raises(ConversionFailed) as raised, goes_on("some-id"):
        raise failed
    assert raised.value is failed
