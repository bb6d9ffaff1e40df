import io
import zipfile

import convertapi
import docx
import pypdf
import pytest


@pytest.fixture
def official(server, monkeypatch):
    monkeypatch.setattr(convertapi, "base_uri", f"{server.url}/")
    monkeypatch.setattr(convertapi, "api_credentials", server.secret)
    monkeypatch.setenv("NO_PROXY", "*")
    return convertapi


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "отчёт.md"
    path.write_text("# Title 漢字")
    return path


# The client leaves files that it uploads open.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def test_a_local_file(official, document, tmp_path):
    result = official.convert("pdf", {"File": str(document), "PageSize": "a5"}, timeout=60)
    assert result.conversion_cost == 1
    assert result.file.filename == "отчёт.pdf"
    saved = tmp_path / "saved.pdf"
    result.file.save(str(saved))
    assert saved.stat().st_size == result.file.size
    assert "漢字" in pypdf.PdfReader(saved).pages[0].extract_text()


def test_a_stream(official):
    upload = official.UploadIO(io.BytesIO(b"# Title"), "a.md")
    result = official.convert("html", {"File": upload})
    assert b"Title" in result.file.io.read()


def test_a_result_as_the_next_source(official, document):
    first = official.convert("pdf", {"File": str(document)})
    pages = official.convert("png", {"File": first, "PageRange": "1"})
    archive = official.convert("zip", {"Files": [*pages.files, str(document)]})
    names = zipfile.ZipFile(archive.file.io).namelist()
    assert names == ["отчёт.png", "отчёт.md"]


def test_merge(official, document):
    one = official.convert("pdf", {"File": str(document)}).file
    merged = official.convert("merge", {"Files": [one, one]}, from_format="pdf")
    assert len(pypdf.PdfReader(merged.file.io).pages) == 2


def test_compare(official, tmp_path):
    paths = [tmp_path / name for name in ("before.docx", "after.docx")]
    for path, text in zip(paths, ("It costs 10 euros.", "It costs 12 euros."), strict=True):
        document = docx.Document()
        document.add_paragraph(text)
        document.save(path)
    result = official.convert("compare", {"File": str(paths[0]), "CompareFile": str(paths[1])})
    assert (result.conversion_cost, result.file.filename) == (1, "before.docx")
    assert docx.Document(result.file.io).paragraphs


def test_the_account(official, server):
    assert official.user()["Secret"] == server.secret


def test_errors(official, document):
    with pytest.raises(convertapi.ApiError) as raised:
        official.convert("pdf", {"File": str(document), "PageSize": "huge"})
    assert raised.value.code == 4000
    assert list(raised.value.invalid_parameters) == ["PageSize"]
    with pytest.raises(convertapi.ApiError) as raised:
        official.convert("mp3", {"File": str(document)})
    assert raised.value.code == 415
    convertapi.api_credentials = "wrong"
    with pytest.raises(convertapi.ApiError) as raised:
        official.user()
    assert raised.value.code == 4011
