import io

import pypdf


def check(page):
    enqueued = page.enqueue("report.docx")
    twice = page.docx_to_html_to_pdf("report.docx").get(timeout=120)
    (merged,) = page.one_pdf_of(["report.docx", "second.docx"]).get(timeout=120)["files"]

    done = {to: page.conveyor.handle(its_id).wait(120) for to, its_id in enqueued.items()}
    assert {to: [file.name for file in each.files] for to, each in done.items()} == {
        "pdf": ["report.pdf"],
        "html": ["report.html"],
    }
    assert (twice["from_format"], twice["to_format"]) == ("html", "pdf")
    content = io.BytesIO(b"".join(page.conveyor.storage.read(merged["uri"])))
    assert len(pypdf.PdfReader(content).pages) == 2
