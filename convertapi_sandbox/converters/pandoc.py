"""Documents among each other and to PDF, by pandoc."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from convertapi_sandbox.converters import kinds
from convertapi_sandbox.converters.documents import READERS, readable
from convertapi_sandbox.converters.model import Converter, Output, Parameter, Takes, Task
from convertapi_sandbox.converters.page_range import read_page_range
from convertapi_sandbox.converters.pandoc_program import run_pandoc
from convertapi_sandbox.converters.pdf_pages import keep_pages
from convertapi_sandbox.converters.syntax_tree import without_dangers
from convertapi_sandbox.converters.typst_pdf import compile_pdf

__all__ = ["CONVERTERS", "PASSWORD"]

# Format → pandoc's writer.
_WRITERS: Final = {
    "docx": "docx",
    "odt": "odt",
    "epub": "epub",
    "html": "html",
    "md": "markdown",
    "rtf": "rtf",
    "txt": "plain",
}
# Formats that must have a title; the document's own wins.
_TITLES: Final = {
    "html": ("--metadata=pagetitle:Document",),
    "epub": ("--metadata=title:Document",),
}
_PAPERS: Final = {"a3": "a3", "a4": "a4", "a5": "a5", "letter": "us-letter", "legal": "us-legal"}

PASSWORD: Final = Parameter("Password", kinds.text, default=None)
_PAGE_PARAMETERS: Final = (
    Parameter("PageRange", read_page_range, default=None),
    Parameter("PageSize", kinds.choice(*_PAPERS), default="a4"),
    Parameter("PageOrientation", kinds.choice("portrait", "landscape"), default="portrait"),
)


def _convert(task: Task) -> Sequence[Output]:
    """Turn a document into one of another format."""
    source = readable(task, task.source)
    target = task.folder / f"document.{task.target_format}"
    run_pandoc(
        task,
        [
            f"--from={source.reader}",
            f"--to={_WRITERS[task.target_format]}",
            "--standalone",
            "--embed-resources",
            "--wrap=none",
            *_TITLES.get(task.target_format, ()),
            f"--output={target.name}",
            str(source.path),
        ],
    )
    return [Output(target)]


def _to_pdf(task: Task) -> Sequence[Output]:
    """Typeset a document."""
    source = readable(task, task.source)
    arguments = [f"--from={source.reader}", "--to=json", "--extract-media=media", str(source.path)]
    tree = json.loads(run_pandoc(task, arguments).output)
    safe = json.dumps(without_dangers(tree, task.folder))
    markup = run_pandoc(task, ["--from=json", "--to=typst", "--wrap=none"], safe).output
    pdf = compile_pdf(
        markup.decode(),
        folder=task.folder,
        paper=_PAPERS[task.options["PageSize"]],
        landscape=task.options["PageOrientation"] == "landscape",
        timeout_s=task.timeout_s,
    )
    return [Output(keep_pages(pdf, task.options["PageRange"]))]


def _web_to_pdf(task: Task) -> Sequence[Output]:
    """Typeset a page of the web that was fetched already."""
    return _to_pdf(
        Task(
            source_format="html",
            target_format=task.target_format,
            sources=task.sources,
            options=task.options,
            folder=task.folder,
            timeout_s=task.timeout_s,
        )
    )


CONVERTERS: Final = (
    Converter(
        pairs=frozenset(
            (source, target) for source in READERS for target in _WRITERS if source != target
        ),
        run=_convert,
        parameters=(PASSWORD,),
    ),
    Converter(
        pairs=frozenset((source, "pdf") for source in READERS),
        run=_to_pdf,
        parameters=(PASSWORD, *_PAGE_PARAMETERS),
    ),
    Converter(
        pairs=frozenset({("web", "pdf")}),
        run=_web_to_pdf,
        parameters=_PAGE_PARAMETERS,
        takes=Takes.URL,
    ),
)
