import asyncio


def check(page):
    # The page has run it once, as a program.
    assert asyncio.run(page.main("report.docx")).startswith(b"%PDF")
