from __future__ import annotations

import pytest

from conveyor.domain.conversion import State
from conveyor.domain.request import ConversionRequest
from conveyor.ledger import Entry

NOW = 1_000_000.0


@pytest.fixture
def entry_of():
    """Make an entry: a document that is converting, unless said otherwise."""

    def make(**fields) -> Entry:
        request = ConversionRequest.build("https://example.com/a.docx", "pdf")
        defaults = {
            "id": "c1",
            "state": State.CONVERTING,
            "turn": 1,
            "request": request,
            "created_at": NOW,
            "seen_at": NOW,
        }
        return Entry(**{**defaults, **fields})

    return make
