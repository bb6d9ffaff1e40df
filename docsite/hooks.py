"""What MkDocs asks for while it builds the site."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docsite.borrowed import PAGES, ROOT, localized
from docsite.navigation import expanded
from docsite.reference import REFERENCE

__all__ = ["on_config", "on_files", "on_page_markdown"]

_ASSETS: Final = {"icon.svg": "web/static/icon.svg", "site.css": "docsite/site.css"}
"""The file in the repository by the asset of the site."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Complete the navigation with the pages of its folders."""
    config.nav = expanded(config.nav or (), Path(config.docs_dir))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and assets that lie elsewhere, and the pages that are made from the code."""
    for page, source in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    for asset, source in _ASSETS.items():
        files.append(File.generated(config, asset, abs_src_path=str(ROOT / source)))
    for page, make in REFERENCE.items():
        files.append(File.generated(config, page, content=make()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make links point to where their targets lie on the site."""
    del config, files
    return localized(markdown, page.file.src_uri)
