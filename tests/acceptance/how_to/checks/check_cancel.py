from conveyor import ConversionCancelled


def check(page):
    handle = page.conveyor.convert("report.docx", to="pdf")
    in_time = page.cancel(handle.id)
    try:
        handle.wait(timeout=120)
    except ConversionCancelled:
        was_cancelled = True
    else:
        was_cancelled = False

    # A fast service may have been done before.
    assert in_time is was_cancelled
    done = page.conveyor.convert("report.docx", to="pdf")
    done.wait(timeout=120)
    assert page.cancel(done.id) is False
