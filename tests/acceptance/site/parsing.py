"""What a built page asks for, points to and says."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

_PAGE_RELATIONS = {"canonical", "prev", "next", "alternate", "author", "license"}
_IN_CSS = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s;]+)""")
_VOID = {
    "area",
    "base",
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "wbr",
}


def in_css(text):
    """What a style sheet asks for. What it holds itself is no request."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return [each for each in _IN_CSS.findall(text) if not each.startswith(("data:", "#"))]


def is_foreign(address):
    """Whether an address is another host's."""
    return re.match(r"(?:[a-z]+:)?//", address, re.IGNORECASE) is not None


@dataclass
class Page(HTMLParser):
    """A page."""

    text: str
    resources: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    prose: list[str] = field(default_factory=list)

    def __post_init__(self):
        super().__init__()
        self._open = []
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        found = {name: value or "" for name, value in attrs}
        if tag not in _VOID:
            self._open.append(tag)
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        self.resources += in_css(found.get("style", ""))
        if tag in ("a", "area"):
            self.links.append(found.get("href", ""))
        elif tag != "link" or not _PAGE_RELATIONS & set(found.get("rel", "").split()):
            self.resources += self._asked(tag, found)

    @staticmethod
    def _asked(tag, found):
        names = ("src", "data", "poster", "xlink:href", "href" if tag != "base" else "")
        yield from (found[name] for name in names if found.get(name))
        for each in found.get("srcset", "").split(","):
            yield from each.split()[:1]

    def handle_endtag(self, tag):
        while tag in self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" in self._open:
            self.resources += in_css(data)
        elif not {"code", "pre", "script"} & set(self._open):
            self.prose.append(data)
