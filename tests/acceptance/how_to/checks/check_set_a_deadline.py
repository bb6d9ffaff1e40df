from datetime import UTC, datetime

import pytest

from conveyor import ConversionCancelled, Reason


def check(page):
    assert page.preview("report.docx").name == "report.pdf"
    late = page.conveyor.handle(page.before("report.docx", datetime(2026, 1, 1, tzinfo=UTC)))
    with pytest.raises(ConversionCancelled) as raised:
        late.wait(60)
    assert raised.value.reason == Reason.MISSED_DEADLINE
