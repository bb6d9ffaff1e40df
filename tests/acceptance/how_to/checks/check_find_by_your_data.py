from uuid import uuid4


def check(page):
    order = str(uuid4())
    ids = {page.enqueue(path, order) for path in ("report.docx", "second.docx")}

    assert len(ids) == 2
    found = page.conversions_of(order)
    assert [name for name, _, _ in found] == ["second.docx", "report.docx"]
    assert all(metadata == {"order": order, "shop": "eu"} for *_, metadata in found)
    assert page.conversions_of(str(uuid4())) == []
