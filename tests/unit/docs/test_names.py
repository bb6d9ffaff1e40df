"""Every setting and every metric that the documents name exists."""

from __future__ import annotations

import re
from functools import cache

import pytest
import yaml

from config.settings import WorkerSettings
from config.web import WebSettings
from conveyor.settings import ENV_PREFIX
from docsite.reference import metrics
from tests.unit.docs import reading

SETTINGS = {
    ENV_PREFIX + name.upper()
    for each in (WorkerSettings, WebSettings)
    for name in each.model_fields
}
METRICS = set(re.findall(r"^\| `(\w+)` \|", metrics.page(), re.MULTILINE))
# What compose makes of the project's name, the folder's, and of its own.
COMPOSE = yaml.safe_load((reading.ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
COMPOSED = {f"conveyor_{name}" for name in ("default", *COMPOSE["volumes"])}
CODE = ("conveyor", "workers", "web", "tests", "chaos", "benchmarks", "examples")
NAME = re.compile(r"\b(?:CONVEYOR_[A-Z][A-Z_]*[A-Z]|conveyor_[a-z][a-z_]*[a-z])\b")


@cache
def in_the_code():
    """Names of the same form that the code has beside them: tests' switches, messages' fields."""
    own = reading.ROOT / "tests" / "unit" / "docs"
    files = (path for folder in CODE for path in (reading.ROOT / folder).rglob("*.py"))
    texts = (path.read_text(encoding="utf-8") for path in files if own not in path.parents)
    return {name for text in texts for name in NAME.findall(text)}


def unknown(text):
    """The names of a text that nothing has."""
    names = {re.sub(r"_(?:bucket|sum|count)$", "", name) for name in NAME.findall(text)}
    return sorted(names - SETTINGS - METRICS - COMPOSED - in_the_code())


@pytest.mark.parametrize("page", reading.PAGES)
def test_every_setting_and_metric_that_a_page_names_exists(page):
    assert unknown((reading.ROOT / page).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("`CONVEYOR_NO_SUCH_SETTING`", ["CONVEYOR_NO_SUCH_SETTING"]),
        ("conveyor_no_such_metric_total", ["conveyor_no_such_metric_total"]),
        ("CONVEYOR_BROKER_URL, CONVEYOR_FUZZ_SEED, CONVEYOR_", []),
        ("conveyor_polls_per_conversion_bucket, conveyor_cost_total", []),
    ],
)
def test_a_name_that_nothing_has_is_seen(text, found):
    assert unknown(text) == found
