"""``python -m docsite.drawings``: draw every diagram of the docs anew."""

from __future__ import annotations

from docsite.borrowed import ROOT
from docsite.drawings import DRAWINGS

if __name__ == "__main__":
    for name, draw in DRAWINGS.items():
        (ROOT / "docs" / "pictures" / name).write_text(draw(), encoding="utf-8")
