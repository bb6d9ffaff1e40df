"""The docs site: what MkDocs asks for while it builds, and the drawings.

`mkdocs.yml` loads `docsite.hooks`. The prose lies in `docs/`. The pages under ``reference/`` are
made from the code at each build, so they can't fall behind it.
"""
