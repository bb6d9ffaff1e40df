import time


def check(page):
    conversion_id = page.convert("report.docx")
    page.conveyor.handle(conversion_id).wait(timeout=120)
    # The life begins with the delivery, which may be a moment later.
    until = None
    deadline = time.monotonic() + 60
    while until is None and time.monotonic() < deadline:
        until = page.until(conversion_id)

    assert 6.9 < (until - time.time()) / 86400 <= 7
