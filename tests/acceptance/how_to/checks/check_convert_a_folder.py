import json
from pathlib import Path

import pypdf

NAMES = ["report.pdf", "second.pdf"]


def names_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def check(page):
    # The second command has replaced what the first one had saved.
    assert names_in("results") == NAMES
    assert names_in("later") == NAMES
    assert names_in("everything") == NAMES
    assert names_in("checked") == NAMES
    (merged,) = names_in("merged")
    with pypdf.PdfReader(Path("merged") / merged) as reader:
        assert [page.mediabox.width for page in reader.pages] == [100, 200]

    ended = [json.loads(line) for line in Path("ended.jsonl").read_text().splitlines()]
    assert sorted(each["sources"][0] for each in ended) == ["report.docx", "second.docx"]
    assert {each["state"] for each in ended} == {"succeeded"}
    assert [handle.wait(timeout=120).files[0].name for handle in page.handles] == NAMES
