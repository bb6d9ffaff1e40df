from convertapi_sandbox.converters.syntax_tree import from_plain_text, without_dangers

WORD = {"t": "Str", "c": "word"}
NOTHING = ["", [], []]


def image(target):
    return {"t": "Image", "c": [NOTHING, [WORD], [target, ""]]}


def test_plain_text_keeps_lines_and_runs_of_spaces():
    tree = from_plain_text("a  b\n\n  c")
    (block,) = tree["blocks"]
    first, second, third = block["c"]
    text = ["".join(part.get("c", " ") for part in line) for line in (first, second, third)]
    assert [line.replace("\N{NO-BREAK SPACE}", " ") for line in text] == ["a  b", "", "  c"]


def test_empty_text_is_an_empty_tree():
    assert from_plain_text("")["blocks"] == []


def test_raw_markup_is_dropped(tmp_path):
    raw = {"t": "RawInline", "c": ["typst", '#read("/etc/passwd")']}
    assert without_dangers([WORD, raw], tmp_path) == [WORD]


def test_what_is_null_stays(tmp_path):
    table = {"t": "Table", "c": [[None, []], [WORD]]}
    assert without_dangers(table, tmp_path) == table


def test_own_pictures_stay(tmp_path):
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.png").touch()
    assert without_dangers(image("media/a.png"), tmp_path) == image("media/a.png")


def test_other_pictures_become_their_caption(tmp_path):
    (tmp_path / "a.emf").touch()
    for target in ("http://x/a.png", "/etc/a.png", "../a.png", "gone.png", "a.emf"):
        assert without_dangers(image(target), tmp_path) == {"t": "Span", "c": [NOTHING, [WORD]]}


def test_links_within_the_document_become_text(tmp_path):
    inner = {"t": "Link", "c": [NOTHING, [WORD], ["#gone", ""]]}
    outer = {"t": "Link", "c": [NOTHING, [WORD], ["http://x", ""]]}
    assert without_dangers(inner, tmp_path) == {"t": "Span", "c": [NOTHING, [WORD]]}
    assert without_dangers(outer, tmp_path) == outer
