"""Pictures of the page and of Flower, as the documents show them: a real stack after some work."""

from __future__ import annotations

import re

import docx
import pytest
from PIL import Image
from playwright.sync_api import expect

from workers.local.environment import ROOT
from workers.local.stack import LocalStack

PICTURES = ROOT / "var" / "pictures"
MAX_BYTES = 250_000
SHOWN_STATES = ("converting", "succeeded")
SIZE = (1280, 800)
# In a page of text the background takes the most room, and the letters' edges have many shades.
LEAST_COLOURS = 500
BACKGROUNDS = {"page-light": range(200, 256), "page-dark": range(64), "flower": range(200, 256)}


@pytest.fixture(scope="module")
def stack():
    """Slow enough for some to be on their way when the picture is taken."""
    with LocalStack(
        flower=True, web=True, spacing=1, sandbox_options=("--duration", "5-7")
    ) as running:
        yield running


def test_pictures_show_what_is_under_way_what_succeeded_and_what_failed(
    open_page, stack, web, sandbox, tmp_path
):
    PICTURES.mkdir(parents=True, exist_ok=True)
    page = open_page(web)
    for name, to in (("annual report", "pdf"), ("price list", "pdf"), ("minutes", "pdf")):
        send(page, to, document_of(tmp_path, name))
    done(page, 3)
    with sandbox.faults(error_5003=1.0):
        send(page, "pdf", document_of(tmp_path, "contract"))
        expect(page.locator("#dead .letter")).to_have_count(1)
    send(page, "odt", document_of(tmp_path, "invitation"))
    done(page, 4)
    send(page, "pdf", document_of(tmp_path, "programme"), document_of(tmp_path, "speech"))
    halfway = page.locator("#conversions [data-state=converting]")
    expect(halfway.filter(has_text=re.compile(r"\b[1-4]\.\d s of about \d"))).to_have_count(2)
    expect(page.locator("#in-flight [data-state=converting] dd")).to_have_text("2")
    shown = (
        *(page.locator(f"#conversions [data-state={state}]") for state in SHOWN_STATES),
        page.locator("#dead .letter .cause").filter(has_text="code 5003"),
    )

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        take(page, f"page-{scheme}", *shown)
    done(page, 6)

    flower = open_page(f"{stack.flower_url}/tasks", may_complain=True)  # it asks what it likes
    rows = flower.locator("#tasks-table tbody tr")
    take(flower, "flower", *(rows.filter(has_text=end) for end in ("SUCCESS", "FAILURE")))


def document_of(folder, name):
    document = docx.Document()
    document.add_heading(name.capitalize(), 1)
    document.add_paragraph("Words of the document. " * 40)
    document.save(folder / f"{name}.docx")
    return folder / f"{name}.docx"


def send(page, to, *documents):
    page.get_by_label("Drop documents here").set_input_files(documents)
    page.get_by_label("Convert to").select_option(to)
    page.get_by_role("button", name="Convert", exact=True).click()


def done(page, count):
    expect(page.locator("#conversions [data-state=succeeded]")).to_have_count(count)


def take(page, name, *shown):
    """Take a picture in which each of these can be seen, if only its first one."""
    for part in shown:
        expect(part.first).to_be_in_viewport()
    picture = PICTURES / f"{name}.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size < MAX_BYTES
    with Image.open(picture) as image:
        assert image.size == SIZE
        colours = image.convert("L").histogram()
        shades = image.convert("RGB").getcolors(SIZE[0] * SIZE[1])
    assert colours.index(max(colours)) in BACKGROUNDS[name]
    assert len(shades) > LEAST_COLOURS, "it shows an empty page"
