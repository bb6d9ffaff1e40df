import os

import pytest
import requests

from conveyor import ConversionFailed


def check(page):
    faults = f"{os.environ['SANDBOX_URL']}/_faults"
    requests.post(faults, json={"error_5001": 1}, timeout=60)
    handle = page.conveyor.convert("report.docx", to="pdf")
    with pytest.raises(ConversionFailed, match="5001"):
        handle.wait(timeout=120)
    requests.post(faults, json={}, timeout=60)
    replayed = page.retry_all()

    assert handle.id in replayed
    for each in replayed:
        page.conveyor.handle(each).wait(timeout=120)
