"""Pictures of the pages and of Flower, as the documents show them: a real stack after some work.

Those of every state, width and scheme lie in `var/pictures/states`, for people to look at.
"""

from __future__ import annotations

import re
from itertools import product

import docx
import pytest
from PIL import Image
from playwright.sync_api import expect

from local_stack.environment import ROOT
from local_stack.stack import LocalStack

PICTURES = ROOT / "var" / "pictures"
MAX_BYTES = 250_000
SIZES = {1280: (1280, 800), 390: (390, 844)}
# In a page of text the background takes the most room, and the letters' edges have many shades.
LEAST_COLOURS = 300
BACKGROUNDS = {"light": range(200, 256), "dark": range(64)}


@pytest.fixture(scope="module")
def stack():
    """Slow enough for two to be on their way together when the picture is taken, on any machine."""
    with LocalStack(
        flower=True, web=True, spacing=1, sandbox_options=("--duration", "9-11")
    ) as running:
        yield running


def test_pictures_show_the_pages_empty_busy_and_failed(open_page, stack, web, sandbox, tmp_path):
    (PICTURES / "states").mkdir(parents=True, exist_ok=True)
    visitor, operator = open_page(web), open_page(f"{web}operate")
    expect(visitor.get_by_text("No conversions yet.")).to_be_visible()
    expect(operator.get_by_text("No failures. Good.")).to_be_visible()
    take_all(visitor, "states/visitor-empty")
    take_all(operator, "states/operator-empty")

    for name, to in (("annual report", "pdf"), ("price list", "pdf"), ("minutes", "pdf")):
        send(visitor, to, document_of(tmp_path, name))
    done(visitor, 3)
    send(visitor, "odt", document_of(tmp_path, "invitation"))
    done(visitor, 4)
    send(visitor, "pdf", document_of(tmp_path, "programme"), document_of(tmp_path, "speech"))
    halfway = visitor.locator("#conversions [data-state=converting]")
    expect(halfway.filter(has_text=re.compile(r"\b[1-8]\.\d s of about \d"))).to_have_count(2)
    halfway.first.locator(".open").click()
    expect(operator.locator("#in-flight [data-state=converting] dd")).to_have_text("2")
    visitor.bring_to_front()
    for scheme in BACKGROUNDS:
        take(visitor, f"page-{scheme}", 1280, scheme)
    take_all(visitor, "states/visitor-busy")
    take_all(operator, "states/operator-busy")

    done(visitor, 6)
    with sandbox.faults(error_5003=1.0):
        send(visitor, "pdf", document_of(tmp_path, "contract"), document_of(tmp_path, "annex"))
        expect(visitor.locator("#conversions [data-state=failed]")).to_have_count(2)
    with sandbox.faults(error_5001=1.0):
        send(visitor, "pdf", document_of(tmp_path, "letter"))
        expect(visitor.locator("#conversions [data-state=failed]")).to_have_count(3)
    visitor.get_by_role("button", name="Enter password: contract.docx").click()
    expect(operator.locator("#failures .count")).to_have_text(["2", "1"])
    operator.locator("#failures .open").first.click()
    for scheme in BACKGROUNDS:
        take(operator, f"operate-{scheme}", 1280, scheme)
    take_all(visitor, "states/visitor-failed")
    take_all(operator, "states/operator-failed")

    flower = open_page(f"{stack.flower_url}/tasks", may_complain=True)  # it asks what it likes
    for end in ("SUCCESS", "FAILURE"):
        rows = flower.locator("#tasks-table tbody tr")
        expect(rows.filter(has_text=end).first).to_be_in_viewport()
    take(flower, "flower", 1280, "light")


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


def take_all(page, name):
    """Take a picture at each width, in light and in dark."""
    page.bring_to_front()  # one that is hidden is not refreshed
    for width, scheme in product(SIZES, BACKGROUNDS):
        take(page, f"{name}-{width}-{scheme}", width, scheme)


def take(page, name, width, scheme):
    size = SIZES[width]
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=scheme)
    picture = PICTURES / f"{name}.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size < MAX_BYTES
    with Image.open(picture) as image:
        assert image.size == size
        colours = image.convert("L").histogram()
        shades = image.convert("RGB").getcolors(size[0] * size[1])
    assert colours.index(max(colours)) in BACKGROUNDS[scheme]
    assert len(shades) > LEAST_COLOURS, "it shows an empty page"
