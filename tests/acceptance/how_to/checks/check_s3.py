def check(page):
    uri, content = page.convert("report.docx")

    assert uri.startswith("s3://files/")
    assert content.startswith(b"%PDF")
