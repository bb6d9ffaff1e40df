"""Compiles the Typst markup `document.typ` of the working directory to `document.pdf`.

Usage: compile_typst.py FONT_FOLDER. A program of its own, because a hostile document may
crash or stall the compiler.
"""

from __future__ import annotations

import sys

import typst

__all__ = ["main"]


def main() -> None:
    """Compile; the markup reads no file outside of the working directory."""
    try:
        typst.compile(
            "document.typ",
            output="document.pdf",
            root=".",
            font_paths=[sys.argv[1]],
            ignore_system_fonts=True,
            # No package may be fetched: both places are empty and have no network address.
            package_path="packages",
            package_cache_path="packages",
            # The same document gives the same bytes.
            timestamp=0,
        )
    except typst.TypstError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
