import pytest

from convertapi_sandbox.disposition import attachment, file_name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (None, ""),
        ("", ""),
        ("attachment", ""),
        ("attachment; filename=a.docx", "a.docx"),
        ('attachment; filename="a b.docx"', "a b.docx"),
        ('attachment; filename="a \\"b\\".docx"', 'a "b".docx'),
        ("attachment; filename*=UTF-8''%E6%BC%A2.docx", "漢.docx"),
        ("attachment; filename=\"x.docx\"; filename*=utf-8'en'%D0%B6.docx", "ж.docx"),
        ("attachment; filename*=nonsense''x.docx", ""),
        ("attachment; filename*=UTF-8''%ff%fe.docx", ""),
        ('attachment; filename="../../x.docx"', "x.docx"),
        ('attachment; filename="' + "ж.docx".encode().decode("latin-1") + '"', "ж.docx"),
    ],
)
def test_names_are_read(header, name):
    assert file_name(header) == name


@pytest.mark.parametrize("name", ["a.docx", "a b.docx", "漢字; x.docx", "ünï.pdf"])
def test_what_is_written_is_read_back(name):
    assert file_name(attachment(name)) == name
