from pathlib import Path


def check(page):
    with Path("report.docx").open("rb") as upload:
        by_file = page.enqueue("report.docx", upload)
    by_pieces = page.enqueue("piece.docx", [Path("report.docx").read_bytes()])

    for conversion_id, name in ((by_file, "report.pdf"), (by_pieces, "piece.pdf")):
        done = page.conveyor.handle(conversion_id).wait(timeout=120)
        assert [file.name for file in done.files] == [name]
