import io
import re
import shutil
import struct
import zipfile

import docx
import pypdf
import pytest
from PIL import Image

SCRIPTS = "Latin é ü, Ελληνικά, Кириллица, 漢字かな 한글 汉语"
WORDS = ["Latin", "é", "Ελληνικά", "Кириллица", "漢字かな", "한글", "汉语"]
DOCUMENTS = ("docx", "odt", "epub", "html", "md", "rtf", "txt")


def picture(kind="png", size=(40, 30), mode="RGB", color="red"):
    buffer = io.BytesIO()
    Image.new(mode, size, color).save(buffer, kind)
    return buffer.getvalue()


def word_document(*paragraphs, image=None):
    document = docx.Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    if image:
        document.add_picture(io.BytesIO(image))
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def pdf(pages=1, password=None):
    writer = pypdf.PdfWriter()
    for number in range(pages):
        writer.add_blank_page(width=100 + number, height=100)
    if password:
        writer.encrypt(password, algorithm="AES-256")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def widths(content):
    return [round(page.mediabox.width) for page in pypdf.PdfReader(io.BytesIO(content)).pages]


def text_of(client, content):
    (text,) = client.results("pdf", "txt", content)
    return text.decode()


def test_scripts_survive_every_pair_of_documents(client):
    made = {"docx": word_document(SCRIPTS)}
    for target in DOCUMENTS[1:]:
        (made[target],) = client.results("docx", target, made["docx"])
    for source, content in made.items():
        (plain,) = client.results(source, "txt" if source != "txt" else "md", content)
        assert all(word in plain.decode() for word in WORDS), source


@pytest.mark.parametrize("source", ["docx", "md", "html", "txt"])
def test_scripts_survive_as_pdf(client, source):
    contents = {
        "docx": word_document(SCRIPTS),
        "md": f"# Title\n\n{SCRIPTS}".encode(),
        "html": f"<h1>Title</h1><p>{SCRIPTS}</p>".encode(),
        "txt": SCRIPTS.encode(),
    }
    (content,) = client.results(source, "pdf", contents[source])
    text = text_of(client, content)
    assert all(word in text for word in WORDS), text


def test_text_is_literal(client):
    (content,) = client.results("txt", "pdf", b'# not *a* title\n\n  #read("x") $x$\nlast <b>')
    lines = text_of(client, content).split("\n")
    assert [line.replace("\N{NO-BREAK SPACE}", " ").strip() for line in lines if line.strip()] == [
        "# not *a* title",
        '#read("x") $x$',
        "last <b>",
    ]


def test_pictures_of_documents_are_kept(client):
    source = word_document("text", image=picture())
    (content,) = client.results("docx", "pdf", source)
    assert len(pypdf.PdfReader(io.BytesIO(content)).pages[0].images) == 1
    (page,) = client.results("docx", "html", source)
    assert b"data:image/png;base64," in page


def test_documents_reach_neither_files_nor_network(client, receiver):
    hostile = f"""
![caption]({receiver.url}/a.png) ![other](/etc/hostname) [@cite] [link](#gone)

`#read("/etc/passwd")`{{=typst}}

```{{=typst}}
#import "@preview/example:0.1.0": add
```

<img src="{receiver.url}/b.png"> ending
"""
    for target in ("pdf", "docx", "html", "epub", "odt"):
        (content,) = client.results("md", target, hostile.encode())
        if target == "pdf":
            text = text_of(client, content)
            assert "ending" in text
            assert "caption" in text
            assert "root:" not in text
    assert receiver.calls == []


def test_markdown_of_many_kinds_is_typeset(client):
    rich = """
| a | b |
|---|---|
| 1 | 2 |

1. one
   - two

> quote

---

Term
:   Definition[^1]

[^1]: Note

```python
print("漢字")
```

$\\frac{1}{2} \\unknown{x}$ @mention #hash
"""
    (content,) = client.results("md", "pdf", rich.encode())
    text = text_of(client, content)
    assert all(word in text for word in ("quote", "Definition", "print", "漢字", "@mention"))


def test_page_options(client):
    source = "\n".join(f"line {number}" for number in range(150)).encode()
    (whole,) = client.results("txt", "pdf", source)
    (first,) = client.results("txt", "pdf", source, PageRange="1")
    assert len(widths(whole)) > 1
    assert len(widths(first)) == 1
    (letter,) = client.results("txt", "pdf", b"x", PageSize="letter", PageOrientation="landscape")
    assert widths(letter) == [792]
    answer = client.convert("txt", "pdf", b"x", PageRange="7-")
    assert (answer.status_code, answer.json()["Code"]) == (500, 5001)


def test_web_to_pdf(client, receiver):
    receiver.content = b"<p>From the web</p>"
    (content,) = client.results("web", "pdf", None, Url=f"{receiver.url}/page")
    assert "From the web" in text_of(client, content)
    answer = client.convert("web", "pdf", None, Url="http://example.com/")
    assert answer.json()["Code"] == 5008


def test_pages_become_pictures(client):
    answer = client.convert("pdf", "png", pdf(3), ImageResolutionH=72, ImageResolutionV=72)
    names = [file["FileName"] for file in answer.json()["Files"]]
    assert names == ["source-1.png", "source-2.png", "source-3.png"]
    for target in ("png", "jpg"):
        contents = client.results(
            "pdf", target, pdf(3), PageRange="2-", ImageResolutionH=72, ImageResolutionV=72
        )
        assert [Image.open(io.BytesIO(content)).size for content in contents] == [
            (101, 100),
            (102, 100),
        ]
    (scaled,) = client.results("pdf", "png", pdf(1), ImageWidth=50, ImageHeight=20)
    assert Image.open(io.BytesIO(scaled)).size == (50, 20)


def test_merge_and_split(client):
    ids = [client.upload(pdf(n), f"{n}.pdf") for n in (2, 1)]
    (merged,) = client.results("pdf", "merge", None, **{"Files[0]": ids[0], "Files[1]": ids[1]})
    assert widths(merged) == [100, 101, 100]
    assert [widths(part) for part in client.results("pdf", "split", pdf(3))] == [
        [100],
        [101],
        [102],
    ]
    assert [
        widths(part) for part in client.results("pdf", "split", pdf(3), SplitByRange="1-2,3")
    ] == [[100, 101], [102]]


def test_passwords(client):
    locked = pdf(2, password="open")
    for target in ("png", "txt", "split", "merge"):
        for wrong in ({}, {"Password": "wrong"}):
            answer = client.convert("pdf", target, locked, **wrong)
            assert (answer.status_code, answer.json()["Code"]) == (500, 5003)
        assert client.convert("pdf", target, locked, Password="open").status_code == 200
    (protected,) = client.results("pdf", "protect", pdf(), UserPassword="secret")
    assert client.convert("pdf", "txt", protected).json()["Code"] == 5003
    assert client.convert("pdf", "txt", protected, Password="secret").status_code == 200


def test_an_encrypted_office_document(client):
    magic = struct.pack("<Q", 0xE11AB1A1E011CFD0)
    content = magic + bytes(500) + "EncryptedPackage".encode("utf-16-le") + bytes(500)
    assert client.convert("docx", "md", content).json()["Code"] == 5003
    assert client.convert("docx", "md", magic + bytes(500)).json()["Code"] == 5002


def zipped(name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("source", "target", "content"),
    [
        ("docx", "md", b"not a docx"),
        ("docx", "md", zipped("a.txt")),
        ("odt", "md", zipped("a.txt")),
        ("epub", "md", b"not a book"),
        ("pdf", "txt", b"not a pdf"),
        ("pdf", "png", pdf()[:200]),
        ("pdf", "split", b"%PDF-1.7\nnothing"),
        ("pdf", "merge", b"not a pdf"),
        ("png", "jpg", b"not a picture"),
        ("png", "jpg", picture()[:60]),
    ],
)
def test_damaged_files(client, source, target, content):
    answer = client.convert(source, target, content)
    assert (answer.status_code, answer.json()["Code"]) == (500, 5002), answer.text


@pytest.mark.parametrize("source", ["jpg", "png", "webp", "gif", "tiff", "bmp"])
def test_pictures_among_each_other_and_to_pdf(client, source):
    content = picture("jpeg" if source == "jpg" else source)
    for target in {"jpg", "png", "webp", "gif", "tiff", "bmp"} - {source}:
        (made,) = client.results(source, target, content)
        image = Image.open(io.BytesIO(made))
        assert (image.format.lower().replace("jpeg", "jpg"), image.size) == (target, (40, 30))
    (document,) = client.results(source, "pdf", content)
    assert len(widths(document)) == 1


def test_transparency_becomes_white(client):
    clear = picture(mode="RGBA", color=(0, 0, 0, 0))
    (made,) = client.results("png", "jpg", clear)
    assert Image.open(io.BytesIO(made)).getpixel((5, 5)) == (255, 255, 255)


def test_pictures_are_scaled(client):
    (made,) = client.results("jpeg", "png", picture("jpeg"), ImageWidth=20)
    assert Image.open(io.BytesIO(made)).size == (20, 15)


def test_anything_to_zip(client):
    parts = [("Files", ("a.txt", b"one")), ("Files", ("a.txt", b"two")), ("Files", ("ж.bin", b"3"))]
    answer = client("POST", "/convert/any/to/zip?StoreFile=true", files=parts)
    (file,) = answer.json()["Files"]
    content = client.session.get(file["Url"]).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["a.txt", "a-2.txt", "ж.bin"]
        assert archive.read("a-2.txt") == b"two"


def test_equal_conversions_run_once_and_give_files_of_their_own(client):
    first = client.convert("md", "pdf", b"# once").json()["Files"][0]
    second = client.convert("md", "pdf", b"# once", "other.md").json()["Files"][0]
    assert second["FileName"] == "other.pdf"
    assert first["FileId"] != second["FileId"]
    client("DELETE", f"/d/{first['FileId']}")
    assert client.session.get(second["Url"]).content.startswith(b"%PDF")


@pytest.mark.skipif(shutil.which("soffice") is not None, reason="LibreOffice is installed")
def test_office_needs_libreoffice(client):
    answer = client.convert("xlsx", "pdf", b"x")
    assert answer.status_code == 415
    assert "LibreOffice" in answer.json()["Message"]


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_office_by_libreoffice(client):
    (content,) = client.results("docx", "pdf", word_document(SCRIPTS))
    assert "Кириллица" in text_of(client, content)


def comparison(client, before, after):
    """The XML of the document that compares two others."""
    ids = [client.upload(word_document(*lines), "a.docx") for lines in (before, after)]
    files = {"File": ids[0], "CompareFile": ids[1]}
    (content,) = client.results("docx", "compare", None, **files)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read("word/document.xml").decode()


def test_a_comparison_marks_what_was_changed(client):
    before = ["The first line.", "It costs 10 euros.", "Gone."]
    after = ["The first line.", "It costs 12 euros.", "Added 漢字.", "And more."]
    markup = comparison(client, before, after)
    document = re.sub(r"</w:p>", "\n", markup)
    inserted = re.findall(r"<w:ins .*?</w:ins>", document, re.DOTALL)
    deleted = re.findall(r"<w:del .*?</w:del>", document, re.DOTALL)
    texts = [
        "".join(re.findall(r"<w:(?:t|delText)[^>]*>([^<]*)<", part))
        for part in (*deleted, *inserted)
    ]
    assert texts == ["10", "Gone.", "12", "Added 漢字.", "And more."]
    assert "The first line." in "".join(re.findall(r"<w:t[^>]*>([^<]*)<", document))


def test_equal_documents_differ_in_nothing(client):
    markup = comparison(client, ["One.", "Two."], ["One.", "Two."])
    assert "<w:ins " not in markup
    assert "<w:del " not in markup


def test_a_comparison_needs_one_document_of_each(client):
    file_id = client.upload(word_document("x"), "a.docx")
    for given in ({"File": file_id}, {"CompareFile": file_id}):
        answer = client.convert("docx", "compare", None, **given)
        missing = {"File", "CompareFile"} - set(given)
        assert (answer.json()["Code"], set(answer.json()["InvalidParameters"])) == (4000, missing)
    both = {"File": file_id, "CompareFile": "a" * 32}
    assert client.convert("docx", "compare", None, **both).json()["Code"] == 5009
