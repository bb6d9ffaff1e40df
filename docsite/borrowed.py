"""Pages of the site that lie elsewhere in the repository, and links that leave the site.

The README is the site's first page. A link from a page to another page stays a link. A link to a
file of the repository, a source or an example, becomes its text: the site has no copy of that file.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Final

__all__ = ["PAGES", "ROOT", "localized"]

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
"""The file in the repository by the page of the site."""

_PAGE_OF: Final = {source: page for page, source in PAGES.items()}
_FENCE: Final = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(?P<before>!?\[(?P<text>[^\]]*)\]\()(?P<target>[^)\s]+)(?P<after>\))")
_ATTRIBUTE: Final = re.compile(
    r'(?P<before>\b(?:src|srcset|href)=")(?P<text>)(?P<target>[^"\s]+)(?P<after>")'
)


def localized(markdown: str, page: str) -> str:
    """Make each link of a page point to where its target lies on the site.

    Args:
        markdown: The page as it lies in the repository.
        page: Its path on the site, ``how-to/retry.md``.
    """
    place = _Place(page)
    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [place.localized(markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, place.localized(markdown[end:])])


class _Place:
    """A page, as its own links see the site and the repository."""

    def __init__(self, page: str) -> None:
        self._folder = dirname(page)
        self._source_folder = dirname(PAGES.get(page, f"docs/{page}"))

    def localized(self, prose: str) -> str:
        for pattern in (_LINK, _ATTRIBUTE):
            prose = pattern.sub(self._link, prose)
        return prose

    def _link(self, match: re.Match[str]) -> str:
        path, sign, anchor = match["target"].partition("#")
        if not path or "://" in path or path.startswith("mailto:"):
            return match[0]
        source = normpath(join(self._source_folder, path))
        target = _PAGE_OF.get(source, source.removeprefix("docs/"))
        if target != source:
            away = relpath(target, self._folder or ".")
            return f"{match['before']}{away}{sign}{anchor}{match['after']}"
        # One that leads nowhere stays, so that the build refuses it.
        return _unlinked(match["text"]) if (ROOT / source).exists() else match[0]


def _unlinked(text: str) -> str:
    """The text of a link, as code where it is a path."""
    return text if " " in text or "`" in text else f"`{text}`"
