from __future__ import annotations

import pytest

from docsite.borrowed import localized


@pytest.mark.parametrize(
    ("page", "markdown", "found"),
    [
        ("index.md", "[a](docs/http.md)", "[a](http.md)"),
        ("index.md", "[a](docs/http.md#keys)", "[a](http.md#keys)"),
        ("index.md", "[a](CONTRIBUTING.md)", "[a](contributing.md)"),
        ("index.md", "![a](docs/pictures/flow.svg)", "![a](pictures/flow.svg)"),
        ("index.md", '<img src="docs/pictures/flow.svg">', '<img src="pictures/flow.svg">'),
        ("index.md", "see [LICENSE](LICENSE).", "see `LICENSE`."),
        ("http.md", "[`app.py`](../examples/flask_app/app.py)", "`app.py`"),
        ("contributing.md", "[a](#tests)", "[a](#tests)"),
        ("http.md", "[a](runbook.md)", "[a](runbook.md)"),
        ("http.md", "[a](../README.md)", "[a](index.md)"),
        ("http.md", "[the app](../examples/flask_app/app.py)", "the app"),
        ("how-to/a.md", "[a](../http.md)", "[a](../http.md)"),
        ("how-to/a.md", "[a](../../README.md)", "[a](../index.md)"),
        ("how-to/a.md", "[a](b.md)", "[a](b.md)"),
        ("http.md", "[a](https://example.com/b.md)", "[a](https://example.com/b.md)"),
        # The build refuses it.
        ("http.md", "[a](../nowhere.md)", "[a](../nowhere.md)"),
        ("index.md", "```\n[a](docs/http.md)\n```", "```\n[a](docs/http.md)\n```"),
    ],
)
def test_a_link_points_to_where_its_target_lies_on_the_site(page, markdown, found):
    assert localized(markdown, page) == found
