import pytest

from convertapi_sandbox.converters.page_range import read_page_range


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("1", [0]),
        ("1-3", [0, 1, 2]),
        (" 2 - 3 , 5 ", [1, 2, 4]),
        ("4-", [3, 4]),
        ("3,1", [2, 0]),
        ("4-9", [3, 4]),
        ("9", []),
    ],
)
def test_pages_of_a_document_of_five(text, pages):
    assert read_page_range(text).select(5) == pages


@pytest.mark.parametrize("text", ["", "0", "a", "3-1", "1,,2", "-3", "1-2-3", "1.5"])
def test_what_is_no_range(text):
    with pytest.raises(ValueError, match=r"pages|backwards"):
        read_page_range(text)


def test_spans_make_groups():
    assert read_page_range("1-2,3-,9").groups(4) == [[0, 1], [2, 3]]


def test_equal_ranges_have_one_spelling():
    assert str(read_page_range(" 1, 2-3,4-")) == "1-1,2-3,4-"
