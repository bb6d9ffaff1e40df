"""The docs site as it is built: whole, and nobody else's host is asked for anything."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

from docsite.drawings import DRAWINGS
from docsite.drawings.svg import Box, Canvas, Point
from docsite.reference import REFERENCE
from tests.acceptance.site.parsing import Page, in_css, is_foreign

OF_MARKDOWN = ("```", "](", "| ---", "|---", ":::", "**")
# Of each text: whether it lies in the picture, and what it lies upon.
OVERLAPS = """
() => {
  const svg = document.documentElement;
  const texts = [...svg.querySelectorAll("text")].map((node) => [node.textContent, node.getBBox()]);
  const page = svg.querySelector(".page").getBBox();
  const isIn = (point, box) => point.x > box.x && point.x < box.x + box.width
    && point.y > box.y && point.y < box.y + box.height;
  const meet = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width
    && a.y < b.y + b.height && b.y < a.y + a.height;
  const found = [];
  for (const [text, box] of texts) {
    const corner = { x: box.x + box.width, y: box.y + box.height };
    if (!isIn(box, page) || !isIn(corner, page)) found.push(`${text} leaves the picture`);
    for (const [other, its] of texts)
      if (its !== box && meet(box, its)) found.push(`${text} lies upon ${other}`);
    for (const rect of svg.querySelectorAll("rect")) {
      const its = rect.getBBox();
      if (meet(box, its) && !(isIn(box, its) && isIn(corner, its)))
        found.push(`${text} crosses the edge of a box`);
    }
    for (const path of svg.querySelectorAll("path.arrow"))
      for (let at = 0; at <= path.getTotalLength(); at += 1)
        if (isIn(path.getPointAtLength(at), box)) { found.push(`an arrow crosses ${text}`); break; }
  }
  const boxes = [...svg.querySelectorAll("rect.box, rect.strong")].map((node) => node.getBBox());
  boxes.forEach((box, at) => boxes.slice(at + 1).forEach((other) => {
    if (meet(box, other)) found.push("two boxes meet");
  }));
  return found;
}
"""


@pytest.fixture(scope="module")
def pages(site):
    return {
        path.relative_to(site).as_posix(): Page(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
    }


@pytest.fixture(scope="module")
def linked(pages):
    """The pages without that of a path which is not there: its links begin at the root."""
    return {name: page for name, page in pages.items() if name != "404.html"}


def test_the_site_is_built_without_a_warning(built):
    _, ran = built

    assert ran.returncode == 0, ran.stderr
    assert "WARNING" not in ran.stderr
    assert "Documentation built" in ran.stderr


def test_the_site_has_the_readme_and_every_page_of_the_reference(pages):
    wanted = {"index.html", "contributing.html", "architecture.html"}

    assert wanted | {name.replace(".md", ".html") for name in REFERENCE} <= set(pages)


def test_no_page_and_no_style_sheet_asks_another_host(site, pages):
    asked = {name: page.resources for name, page in pages.items()}
    asked |= {path.name: in_css(path.read_text(encoding="utf-8")) for path in site.rglob("*.css")}

    assert sum(map(len, asked.values())) > len(pages)
    assert [
        (name, each) for name, found in asked.items() for each in found if is_foreign(each)
    ] == []


def test_no_page_loads_a_script_that_the_theme_would_fetch(site):
    """The theme has Mermaid fetched from a host as soon as a page has a diagram of it."""
    assert [path for path in site.rglob("*.html") if 'class="mermaid"' in path.read_text()] == []


def test_everything_that_a_page_asks_for_is_there(site, linked):
    for name, page in linked.items():
        gone = [each for each in page.resources if not (site / name).parent.joinpath(each).exists()]
        assert (name, gone) == (name, [])


def test_every_link_of_a_page_leads_to_a_page_and_an_anchor(site, linked):
    broken = []
    for name, page in linked.items():
        for link in page.links:
            path, _, anchor = unquote(link).partition("#")
            if is_foreign(link) or path.startswith("mailto:"):
                continue
            target = (site / name).parent.joinpath(path).resolve() if path else site / name
            known = linked.get(target.relative_to(site).as_posix())
            if not target.exists() or (anchor and known and anchor not in known.anchors):
                broken.append((name, link))

    assert broken == []


def test_no_markdown_is_left_in_a_page(linked):
    left = {
        (name, text.strip())
        for name, page in linked.items()
        for text in page.prose
        if any(sign in text for sign in OF_MARKDOWN) or "|" in {text.strip()[:1], text.strip()[-1:]}
    }

    assert left == set()


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<script src="https://a.example/b.js"></script>', ["https://a.example/b.js"]),
        ('<link rel="stylesheet" href="//a.example/b.css">', ["//a.example/b.css"]),
        ('<link rel="preconnect" href="https://a.example">', ["https://a.example"]),
        ('<link rel="canonical" href="https://a.example">', []),
        ('<img src="a.png" srcset="b.png 1x, c.png 2x">', ["a.png", "b.png", "c.png"]),
        ("<style>@import 'https://a.example/b.css';</style>", ["https://a.example/b.css"]),
        ('<p style="background: url(//a.example/b)">', ["//a.example/b"]),
        ('<a href="https://a.example">a</a>', []),
    ],
)
def test_what_a_page_asks_for_is_seen(html, found):
    assert Page(html).resources == found


@pytest.mark.parametrize(
    ("link", "foreign"),
    [("https://a.example/b", True), ("//a.example", True), ("a/b.css", False), ("#a", False)],
)
def test_a_foreign_host_is_seen(link, foreign):
    assert is_foreign(link) is foreign


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", "reference/library.html", "architecture.html"])
def test_a_page_follows_the_readers_system_and_asks_its_own_host_alone(
    open_page, address, name, scheme
):
    page = open_page(address, scheme=scheme)
    page.goto(f"{address}{name}", wait_until="networkidle")

    wanted = {"light": "default", "dark": "slate"}[scheme]
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", wanted)


def test_the_search_finds_a_page_without_another_host(open_page, address):
    page = open_page(address)
    page.get_by_role("textbox", name="Search").click()
    page.keyboard.type("turnstile")

    expect(page.locator(".md-search-result__item").first).to_contain_text("urnstile")


@pytest.mark.parametrize("name", DRAWINGS)
def test_nothing_in_a_drawing_lies_upon_something_else(open_page, pictures, name):
    page = open_page(f"{pictures}{name}", may_complain=True)  # it asks for an icon

    assert page.evaluate(OVERLAPS) == []


def test_what_overlaps_in_a_drawing_is_seen(open_page, tmp_path):
    canvas = Canvas(300, 100, "A bad one")
    canvas.box(Box(10, 10, 60, 40), "a name too long for it")
    canvas.box(Box(60, 10, 60, 40), "b")
    canvas.text(Point(200, 50), "crossed")
    canvas.arrow([Point(150, 46), Point(250, 46)])
    canvas.text(Point(290, 90), "out of it")
    (tmp_path / "bad.svg").write_text(canvas.written(), encoding="utf-8")

    found = open_page((tmp_path / "bad.svg").as_uri(), may_complain=True).evaluate(OVERLAPS)

    assert set(found) == {
        "a name too long for it leaves the picture",
        "a name too long for it crosses the edge of a box",
        "a name too long for it lies upon b",
        "b lies upon a name too long for it",
        "an arrow crosses crossed",
        "out of it leaves the picture",
        "out of it crosses the edge of a box",
        "two boxes meet",
    }


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_light_or_dark_by_the_readers_system(open_page, pictures, name):
    colour = "getComputedStyle(document.querySelector('.page')).fill"
    light, dark = (
        open_page(f"{pictures}{name}", scheme=scheme, may_complain=True).evaluate(colour)
        for scheme in ("light", "dark")
    )

    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(22, 29, 30)")
