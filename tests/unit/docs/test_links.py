"""Every link between the documents leads somewhere."""

from __future__ import annotations

from posixpath import dirname, join, normpath
from urllib.parse import unquote

import pytest

from docsite.reference import REFERENCE
from tests.unit.docs import reading

MADE = {f"docs/{page}" for page in REFERENCE}


def broken(page, link):
    """Why a link leads nowhere; nothing where it does."""
    path, _, anchor = unquote(link).partition("#")
    if "://" in path or path.startswith("mailto:"):
        return ""
    target = normpath(join(dirname(page), path)) if path else page
    if target in MADE:
        return ""
    if not (reading.ROOT / target).exists():
        return f"{target} is not there"
    if anchor and anchor not in reading.anchors(target):
        return f"{target} has no heading #{anchor}"
    return ""


@pytest.mark.parametrize("page", reading.PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page):
    found = {link: broken(page, link) for link in reading.links(page)}

    assert {link: why for link, why in found.items() if why} == {}


def test_the_documents_have_links_to_check():
    count = sum(1 for page in reading.PAGES for _ in reading.links(page))

    assert count > len(reading.PAGES)


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("docs/nowhere.md", "docs/nowhere.md is not there"),
        ("docs/runbook.md#nothing", "docs/runbook.md has no heading #nothing"),
        ("#nothing", "README.md has no heading #nothing"),
    ],
)
def test_a_link_to_nowhere_is_seen(link, why):
    assert broken("README.md", link) == why


@pytest.mark.parametrize(
    ("heading", "slug"),
    [
        ("Tests", "tests"),
        ("… a field to the HTTP answers", "-a-field-to-the-http-answers"),
        ("What decides: conveyor/domain/", "what-decides-conveyordomain"),
    ],
)
def test_a_heading_gets_the_anchor_that_github_makes(heading, slug):
    assert reading._slug(heading) == slug
