import pytest
import requests

from conveyor import StorageError


def check(page):
    handle = page.conveyor.convert("report.docx", to="pdf")
    (file,) = handle.wait(timeout=120).files
    link = page.link_to(handle.id)

    assert requests.get(link, timeout=60).content.startswith(b"%PDF")
    assert requests.get(f"{link}x", timeout=60).status_code == 404
    with pytest.raises(StorageError, match="can't sign URLs"):
        page.signed(file)
