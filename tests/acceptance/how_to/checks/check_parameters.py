import io

import docx
import pypdf
import pytest

from conveyor import ConversionFailed, InvalidRequest


def pdf_of(conveyor, conversion_id):
    (file,) = conveyor.handle(conversion_id).wait(timeout=120).files
    return pypdf.PdfReader(io.BytesIO(b"".join(conveyor.storage.read(file.uri))))


def check(page):
    long = docx.Document()
    for _line in range(200):
        long.add_paragraph("Words of the report.")
    long.save("long.docx")
    whole = page.conveyor.convert("long.docx", to="pdf").id
    assert len(pdf_of(page.conveyor, whole).pages) > 1
    assert len(pdf_of(page.conveyor, page.first_page_of("long.docx")).pages) == 1
    assert pdf_of(page.conveyor, page.locked("a.pdf", "hush")).is_encrypted

    wrong = page.conveyor.convert("report.docx", to="pdf", params={"PageRange": "none"})
    with pytest.raises(ConversionFailed) as failed:
        wrong.wait(timeout=120)
    assert (failed.value.kind, page.conveyor.get(wrong.id).cost) == ("input", 0)
    with pytest.raises(InvalidRequest, match="JobId"):
        page.conveyor.convert("report.docx", to="pdf", params={"JobId": "mine"})
