from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4


def check(page):
    key = str(uuid4())
    with ThreadPoolExecutor() as clicks:
        first, second = clicks.map(lambda _: page.enqueue("report.docx", key), range(2))

    assert first == second
    assert page.is_refused("second.docx", key)
    assert not page.is_refused("report.docx", key)
