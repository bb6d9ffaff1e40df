def check(page):
    handle = page.conveyor.convert("report.docx", to="pdf")
    handle.wait(timeout=120)
    ((name, uri, size, _sha256),) = page.to_store(handle.id)

    assert name == "report.pdf"
    assert len(b"".join(page.content(uri))) == size
