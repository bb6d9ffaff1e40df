import pytest


def check(page):
    conversion_id = page.enqueue("ada", "report.docx")
    page.conveyor.handle(conversion_id).wait(timeout=120)
    page.book("ada", conversion_id)
    assert page.spent == {"ada": 1}

    page.spent["ada"] = page.LIMIT
    with pytest.raises(PermissionError, match="has spent 100"):
        page.enqueue("ada", "report.docx")
