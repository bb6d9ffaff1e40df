from __future__ import annotations

import pytest

from conveyor.convertapi.head_values import file_name_of, retry_after_of

DATE = "Tue, 03 Jun 2025 10:00:00 GMT"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="a.pdf"', "a.pdf"),
        ("attachment; filename=a.pdf", "a.pdf"),
        ("ATTACHMENT; FILENAME=a.pdf", "a.pdf"),
        ('filename="a.pdf"', "a.pdf"),
        ("attachment; filename*=UTF-8''%C3%84%20b.pdf", "Ä b.pdf"),
        ("attachment; filename*=utf-8'en'a.pdf", "a.pdf"),
        ("attachment; filename*=ISO-8859-1''%C4.pdf", "Ä.pdf"),
        ("attachment; filename*=nonsense''%C3%84.pdf", "Ä.pdf"),
        ("attachment; filename*=idna''a.pdf", "a.pdf"),
        ("attachment; filename*=UTF-8''%C4.pdf", "\ufffd.pdf"),
        ("attachment; filename*=utf-16-le''ab%63", "\u6261\ufffd"),
        ("attachment; filename*=nonsense''%C4.pdf", "\ufffd.pdf"),
        ('attachment; filename="日本.pdf"', "日本.pdf"),
        ('attachment; filename="Ä.pdf"', "Ä.pdf"),
        (f"attachment; x={'y' * 4000}; filename=a.pdf", "a.pdf"),
        (f"attachment; x={'y' * 5000}; filename=a.pdf", ""),
        (
            "attachment; filename=\"=?utf-8?B?w4QucGRm?=\"; filename*=utf-8''%C3%84.pdf",
            "Ä.pdf",
        ),
        ('attachment; filename="=?utf-8?B?w4QucGRm?="', "Ä.pdf"),
        ('attachment; filename="=?nonsense?B?w4QucGRm?="', "=?nonsense?B?w4QucGRm?="),
        ('attachment; filename="=?utf-8?B?!?="', "=?utf-8?B?!?="),
        ('attachment; filename="Ã\x84.pdf"', "Ä.pdf"),
        (r'attachment; filename="a\"b.pdf"', 'a"b.pdf'),
        ("attachment", ""),
        ("attachment; filename", ""),
        ("attachment; filename=", ""),
        ("attachment; filename*;filename*1", ""),
        ("attachment; filename*=", ""),
        ('attachment; filename="', ""),
        ("", ""),
    ],
    ids=ascii,
)
def test_name_in_a_content_disposition(disposition, name):
    assert file_name_of(disposition) == name


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": " 7.5 "}, 7.5),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "99999"}, 3600.0),
        ({"Retry-After": "9" * 200}, 3600.0),
        ({"Retry-After": "Tue, 03 Jun 2025 10:00:09 GMT", "Date": DATE}, 9.0),
        ({"Retry-After": "Tue, 03 Jun 2025 09:00:00 GMT", "Date": DATE}, 0.0),
        ({"Retry-After": "Tue, 03 Jun 2025 10:00:09 -0000", "Date": DATE}, 9.0),
        ({"Retry-After": "Wed, 01 Jan 2020 00:00:00 GMT"}, 0.0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 3600.0),
        *(
            ({"Retry-After": text}, None)
            for text in ("", "soon", "-5", "NaN", "inf", "1e3", "0x7", "٣", "9" * 5000)
        ),
        ({"Retry-After": "Tue, 99 Jun 99999999999999999999 10:00:09 GMT"}, None),
        ({}, None),
    ],
    ids=lambda value: str(value)[:50],
)
def test_wait_that_an_answer_asks_for(headers, wait_s):
    assert retry_after_of(headers) == wait_s
