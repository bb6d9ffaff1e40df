"""What a conversion's source is called: its file name, and nothing that opens it."""

from __future__ import annotations

import pytest

from conveyor.domain.conversion import StagedFile
from conveyor.domain.source_names import source_name_of
from conveyor.domain.sources import parse_sources

FILE_ID = "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("invoice.docx", "invoice.docx"),
        ("/home/ada/private/invoice.docx", "invoice.docx"),
        ("https://example.com/files/a.docx", "a.docx"),
        ("https://example.com/a.docx?signature=hunter2#p1", "a.docx"),
        ("https://example.com/a.docx;token=hunter2", "a.docx"),
        ("https://example.com/a%20b.docx", "a b.docx"),
        ("https://example.com/secret%2Fa.docx", "a.docx"),
        ("https://example.com/secret%5Ca.docx", "a.docx"),
        ("https://example.com/a.docx%3Fhunter2", "a.docx"),
        ("https://example.com/share/hunter2", "example.com"),
        ("https://example.com/share/eyJhbGciOiJI.eyJzdWIiOiIxMjM0NTY3ODkwIn0", "example.com"),
        ("https://example.com", "example.com"),
        ("https://example.com/", "example.com"),
        ("s3://bucket/2026/a.docx", "a.docx"),
        ("s3://bucket/2026/a.docx?versionId=hunter2", "a.docx"),
        ("s3://bucket/report", "report"),
        ("ftp://ada:hunter2@example.com", ""),
        ("ftp://ada:hunter2@example.com/a.docx", "a.docx"),
        ("zip://inner/a.docx::https://ada:hunter2@example.com/b.zip?sig=hunter2", "a.docx"),
        ("zip://a.docx::ftp://ada:hunter2@example.com", ""),
        ("filecache::https://example.com/a.docx?sig=hunter2", "a.docx"),
        (FILE_ID, ""),
        (StagedFile("a.docx", "s3://bucket/staged/0f/a.docx", 1, "e3b0"), "a.docx"),
        (["a.docx", "b.docx"], "a.docx +1"),
        (["a.docx", "b.docx", FILE_ID], "a.docx +2"),
        ([FILE_ID, "a.docx"], ""),
        ("evil\u202excod.exe", "evilxcod.exe"),
        ("line\nbreak.docx", "linebreak.docx"),
        ("x" * 300 + ".docx", "x" * 255),
    ],
)
def test_source_is_called_by_its_file_name_alone(source, name):
    assert source_name_of(parse_sources(source)) == name


def test_source_that_comes_later_has_no_name():
    assert source_name_of(()) == ""
