from __future__ import annotations

from pathlib import Path

import pytest

from conveyor.domain.conversion import Conversion, StagedFile, State, StoredFile
from conveyor.domain.sources import Source, SourceKind, parse_sources
from conveyor.errors import InvalidRequest

FILE_ID = "0123456789abcdefghijklmnopqrstuv"
FILES = (
    StoredFile("a.pdf", "s3://bucket/results/1/a.pdf", 3, "00"),
    StoredFile("b.pdf", "s3://bucket/results/1/b.pdf", 3, "00"),
)
NESTED: list[object] = []
NESTED.append(NESTED)
CONVERSION = Conversion("1", State.SUCCEEDED, "docx", "pdf", files=FILES)


@pytest.mark.parametrize(
    ("given", "kind", "value", "name", "format_"),
    [
        ("https://e.com/d/a.DOCX?x=1#y", SourceKind.URL, ..., "a.DOCX", "docx"),
        ("HTTP://e.com/a%20b.docx", SourceKind.URL, ..., "a b.docx", "docx"),
        ("https://e.com", SourceKind.URL, ..., "", ""),
        ("s3://bucket/a.tar.gz", SourceKind.STORED, ..., "a.tar.gz", "gz"),
        ("file:///srv/a.docx", SourceKind.STORED, ..., "a.docx", "docx"),
        # fsspec decodes nothing in its URLs, and knows no fragments.
        ("s3://bucket/a%20b.docx", SourceKind.STORED, ..., "a%20b.docx", "docx"),
        ("s3://bucket/C# for all?.docx", SourceKind.STORED, ..., "C# for all?.docx", "docx"),
        (FILE_ID, SourceKind.FILE_ID, ..., "", ""),
        (FILE_ID + "w", SourceKind.LOCAL, ..., FILE_ID + "w", ""),
        (FILE_ID.upper(), SourceKind.LOCAL, ..., FILE_ID.upper(), ""),
        ("~/a.docx", SourceKind.LOCAL, ..., "a.docx", "docx"),
        ("a%20b.docx", SourceKind.LOCAL, ..., "a%20b.docx", "docx"),
        (".docx", SourceKind.LOCAL, ..., ".docx", ""),
        (Path("d") / "a.docx", SourceKind.LOCAL, "d/a.docx", "a.docx", "docx"),
        (Path(FILE_ID), SourceKind.LOCAL, FILE_ID, FILE_ID, ""),
        # One letter is a drive of Windows.
        (r"C:\docs\a.docx", SourceKind.LOCAL, ..., r"C:\docs\a.docx", "docx"),
        ("C://docs/a.docx", SourceKind.LOCAL, ..., "a.docx", "docx"),
        (r"\\host\docs\a.docx", SourceKind.LOCAL, ..., r"\\host\docs\a.docx", "docx"),
        ("https://e.com/a b.docx", SourceKind.URL, ..., "a b.docx", "docx"),
        ("https://bücher.example/a.docx", SourceKind.URL, ..., "a.docx", "docx"),
        ("https://e.com/a.docx?by=me@e.com", SourceKind.URL, ..., "a.docx", "docx"),
        # A user name of Azure's is a container.
        ("abfs://docs@e.dfs/a.docx", SourceKind.STORED, ..., "a.docx", "docx"),
        ("S3://bucket/a.docx", SourceKind.STORED, ..., "a.docx", "docx"),
    ],
    ids=str,
)
def test_kind_of_source_follows_from_its_form(given, kind, value, name, format_):
    (source,) = parse_sources(given)

    assert source == Source(kind, given if value is ... else value)
    assert (source.name, source.format) == (name, format_)


@pytest.mark.parametrize(
    "given",
    [
        "https://e.com/".ljust(8192, "a"),
        "s3://b/" + "ä" * 4092 + "a",
        "a" * 8192,
        Path("a" * 8192),
        # The longest part before the path.
        "https://" + "a" * 1016 + "/a.docx",
    ],
    ids=["url", "stored", "path", "pathlib", "host"],
)
def test_longest_source_is_taken(given):
    (source,) = parse_sources(given)

    assert source.value == str(given)


def test_a_staged_file_is_owned_by_its_hash_and_no_other_source_is():
    (owned,) = parse_sources(StagedFile("a.docx", "s3://b/a.docx", 3, "00ff"))
    (given,) = parse_sources("s3://b/a.docx")

    assert owned == Source(SourceKind.STORED, "s3://b/a.docx", "00ff")
    assert given == Source(SourceKind.STORED, "s3://b/a.docx", "")


@pytest.mark.parametrize("given", [CONVERSION, CONVERSION.to_dict()], ids=["record", "result"])
def test_a_conversion_gives_its_files(given):
    assert parse_sources(given) == tuple(Source(SourceKind.STORED, file.uri) for file in FILES)


def test_lists_keep_their_order_and_may_hold_all_kinds():
    given = ["https://e.com/a.pdf", (Path("b.pdf"), [CONVERSION]), FILE_ID]

    assert [source.kind for source in parse_sources(given)] == [
        SourceKind.URL,
        SourceKind.LOCAL,
        SourceKind.STORED,
        SourceKind.STORED,
        SourceKind.FILE_ID,
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ("a\0.docx", "is empty"),
        ("https://", "has no host"),
        ("https:///a.docx", "has no host"),
        ("https://[broken/a.docx", "can't be read: check its host"),
        ("http://[x", "can't be read: check its host"),
        ("HTTP://[x/a.docx", "can't be read: check its host"),
        ("s3://[x/a.docx", "can't be read: check its host"),
        ("http://e.com:x/a.docx", "can't be read: check its host"),
        ("http://e.com:99999/a.docx", "can't be read: check its host"),
        ("http://a b/a.docx", "can't be read: check its host"),
        ("http://ex℀ample/a.docx", "can't be read: check its host"),
        (r"https://a\@b/a.docx", "can't be read: check its host"),
        ("https://e.com/a\nb.docx", "can't be read: check its host"),
        ("https://e.com/a.docx\n", "can't be read: check its host"),
        (" https://e.com/a.docx", "can't be read: check its host"),
        ("\u3000file:///etc/passwd", "can't be read: check its host"),
        ("https://user@e.com/a.docx", "contains a user name or password"),
        ("https://user:hush@e.com/a.docx", "contains a user name or password"),
        ("https://@e.com/a.docx", "contains a user name or password"),
        ("https://:443/a.docx", "has no host"),
        ("http:////e.com/a.docx", "has no host"),
        ("https://e.com/\ud800.docx", "lone surrogate"),
        ("s3://b/\udcff.docx", "lone surrogate"),
        ("\ud800.docx", "lone surrogate"),
        ("https://" + "a" * 1017 + "/a.docx", "can't be read: check its host"),
        ("https://e.com/".ljust(8193, "a"), "longer than 8192 bytes"),
        ("s3://b/" + "ä" * 4093, "longer than 8192 bytes"),
        ("a" * 8193, "longer than 8192 bytes"),
        (Path("a" * 8193), "longer than 8192 bytes"),
        (NESTED, "nested too deeply"),
        (StagedFile("a.pdf", "a.pdf", 3, "00"), "needs a storage URL"),
        ({"files": [{"uri": None}]}, "needs a storage URL"),
        ({"files": [{"uri": "http://e.com/a.pdf"}]}, "needs a storage URL"),
        ([], "no source"),
        ([[], ()], "no source"),
        (Conversion("1", State.FAILED, "docx", "pdf"), "no source"),
        (b"document", "can't be a bytes"),
        (bytearray(b"document"), "can't be a bytearray"),
        (7, "can't be a int"),
        (None, "can't be a NoneType"),
        (["a.docx", None], "can't be a NoneType"),
        ({}, "can only be a source if it is a conversion's result"),
        ({"files": None}, "can only be a source if it is a conversion's result"),
        ({"files": ["a.docx"]}, "can only be a source if it is a conversion's result"),
        ({"files": [{"url": "s3://x"}]}, "can only be a source if it is a conversion's result"),
    ],
    ids=lambda value: "nested" if value is NESTED else ascii(value)[:60],
)
def test_invalid_source_is_refused_with_a_message(given, words):
    with pytest.raises(InvalidRequest, match=words) as refused:
        parse_sources(given)

    assert "hush" not in str(refused.value)
