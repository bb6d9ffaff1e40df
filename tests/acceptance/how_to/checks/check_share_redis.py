def check(page):
    with page.staging as staging:
        handle = staging.convert("https://example.com/a.docx", to="pdf")
        # Nobody works there.
        assert handle.state == "queued"
        staging.cancel(handle.id)
