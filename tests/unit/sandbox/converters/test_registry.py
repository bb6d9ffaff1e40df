import pytest

from convertapi_sandbox.converters.model import Converter
from convertapi_sandbox.converters.registry import Registry, canonical
from convertapi_sandbox.errors import ApiError


def converter(*pairs):
    return Converter(pairs=frozenset(pairs), run=lambda _: [])


def test_the_first_converter_of_a_pair_wins():
    first, second = converter(("a", "b")), converter(("a", "b"), ("a", "c"))
    registry = Registry([first, second])
    assert registry.find("a", "b") is first
    assert registry.targets("a") == ["b", "c"]


def test_a_refusal_names_the_pair_and_what_there_is():
    registry = Registry([converter(("a", "b"))], missing=frozenset({("a", "d")}))
    with pytest.raises(ApiError, match=r"no conversion of a to c\. a converts to: b\.") as raised:
        registry.find("a", "c")
    assert (raised.value.status, raised.value.code) == (415, 415)
    with pytest.raises(ApiError, match="LibreOffice"):
        registry.find("a", "d")
    with pytest.raises(ApiError, match="Sources are: a"):
        registry.find("x", "b")


@pytest.mark.parametrize(("name", "known"), [("JPEG", "jpg"), ("Docx", "docx"), ("htm", "html")])
def test_formats_have_one_name(name, known):
    assert canonical(name) == known
