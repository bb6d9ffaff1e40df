import time

import pytest

from conveyor import FileGone


def check(page):
    handle = page.conveyor.convert("report.docx", to="pdf")
    (file,) = handle.wait(timeout=120).files
    assert not page.is_deleted(handle.id)
    page.forget(handle.id)
    assert page.is_deleted(handle.id)

    deadline = time.monotonic() + 120
    while not page.forget(handle.id):
        assert time.monotonic() < deadline, "it is not erased"
        time.sleep(0.2)
    with pytest.raises(FileGone):
        b"".join(page.conveyor.storage.read(file.uri))
