import subprocess
import sys

import pytest

from convertapi_sandbox.converters import (
    archive,
    images,
    office,
    pandoc,
    pdf_pages,
    pdf_render,
)
from conveyor.domain.formats import FORMATS, targets_of
from conveyor.domain.request import ConversionRequest

SANDBOX = (office, pandoc, pdf_pages, pdf_render, images, archive)
# Nothing is converted into these.
ONLY_SOURCES = {
    *("ai", "any", "dcm", "djvu", "dotx", "dwf", "dwg", "dxf", "email", "eml", "eps", "heic"),
    *("ico", "key", "log", "mobi", "msg", "numbers", "oxps", "pages", "potx", "ppsx", "ps"),
    *("psd", "pub", "vsd", "vsdx", "web", "wpd", "xlsb", "xps"),
}
# Operations, and formats that nothing is converted from.
ONLY_TARGETS = {
    *("compress", "delete-pages", "extract", "extract-images", "flatten", "image-watermark"),
    *("merge", "metadata", "ocr", "pdf-watermark", "pdfa", "pnm", "protect", "rasterize"),
    *("redact", "repair", "rotate", "split", "text-watermark", "unprotect", "watermark", "xml"),
}


def test_every_conversion_of_the_sandbox_is_listed():
    pairs = {
        pair for module in SANDBOX for converter in module.CONVERTERS for pair in converter.pairs
    }
    assert not {pair for pair in pairs if pair[1] not in targets_of(pair[0])}


def test_targets_are_others_sorted_and_named_once():
    assert list(FORMATS) == sorted(FORMATS)
    assert all(list(targets) == sorted(set(targets)) for targets in FORMATS.values())
    assert not [source for source, targets in FORMATS.items() if source in targets]


def test_a_format_is_a_source_and_a_target_but_for_those_that_are_known_to_be_one_alone():
    """A misspelt format would be only one of them, and a new one."""
    targets = {target for targets in FORMATS.values() for target in targets}

    assert FORMATS.keys() - targets == ONLY_SOURCES
    assert targets - FORMATS.keys() == ONLY_TARGETS


def test_a_document_of_any_kind_becomes_a_pdf_or_a_picture():
    documents = FORMATS.keys() - {"any", "email", "zip"}

    assert [it for it in documents if not {"pdf", "jpg"} & {it, *FORMATS[it]}] == []


def test_every_listed_pair_makes_a_request():
    for source, targets in FORMATS.items():
        for target in targets:
            request = ConversionRequest.build("https://example.com/x", target, source)
            assert (request.from_format, request.to_format) == (source, target)


@pytest.mark.parametrize(
    ("alias", "name"), [("jpeg", "jpg"), ("htm", "html"), ("tif", "tiff"), ("markdown", "md")]
)
def test_an_alias_has_the_targets_of_its_format(alias, name):
    assert targets_of(alias) == FORMATS[name]
    assert alias not in FORMATS
    assert not any(alias in targets for targets in FORMATS.values())


def test_a_format_is_found_as_people_write_it():
    assert targets_of(".DOCX") == FORMATS["docx"]


def test_of_an_unknown_format_no_target_is_known():
    assert targets_of("nonsense") == ()


def test_list_is_immutable():
    with pytest.raises(TypeError):
        FORMATS["docx"] = ()


def test_the_list_comes_without_the_sandbox():
    code = "import sys, conveyor.domain.formats; sys.exit('convertapi_sandbox' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
