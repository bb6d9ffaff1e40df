import io
import zipfile

import pypdf


def check(page):
    merged, packed = page.merge(["a.pdf", "b.pdf"]), page.pack(["report.docx", "a.pdf"])
    pdf, archive = (
        io.BytesIO(b"".join(page.conveyor.storage.read(file.uri)))
        for conversion_id in (merged, packed)
        for file in page.conveyor.handle(conversion_id).wait(timeout=120).files
    )

    widths = [int(each.mediabox.width) for each in pypdf.PdfReader(pdf).pages]
    assert widths == [100, 200]
    assert sorted(zipfile.ZipFile(archive).namelist()) == ["a.pdf", "report.docx"]
