import pytest

from conveyor import FileGone


def check(page):
    handle = page.conveyor.convert("report.docx", to="pdf")
    (file,) = handle.wait(timeout=120).files
    page.forget(handle.id)

    with pytest.raises(FileGone):
        b"".join(page.conveyor.storage.read(file.uri))
    assert handle.state == "succeeded"
