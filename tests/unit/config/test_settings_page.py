"""The tables of settings in the documents are the settings."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import WorkerSettings
from config.web import WebSettings
from conveyor.settings import ENV_PREFIX, ProducerSettings

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


TABLES = {
    "usual settings": WorkerSettings,
    "settings": WorkerSettings,
    "web settings": WebSettings,
}
DURATION = re.compile(r"\b(seconds?|how long)\b", re.IGNORECASE)


def _table(name):
    text = PAGE.read_text(encoding="utf-8")
    table = text.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]
    return re.findall(r"^\| `(\w+)` \| (\S+|\*\w+\*) \| (.+) \|$", table, re.MULTILINE)


def _rows():
    for name, settings in TABLES.items():
        for row in _table(name):
            yield pytest.param(settings, *row, id=f"{name}: {row[0]}")


def _fields():
    for settings in (WorkerSettings, WebSettings):
        yield from settings.model_fields.items()


def _default(field):
    """As the table writes it."""
    if field.is_required():
        return "*required*"
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Enum):
        value = value.value
    if value in ("", ()):
        return "*unset*"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def test_they_name_every_setting_in_order():
    """The web process's table leaves out what every producer reads: the first one shows it."""
    web = [name for name in WebSettings.model_fields if name not in ProducerSettings.model_fields]
    for table, fields in (("settings", WorkerSettings.model_fields), ("web settings", web)):
        assert [name for name, _, _ in _table(table)] == [
            ENV_PREFIX + field.upper() for field in fields
        ]


@pytest.mark.parametrize(("settings", "name", "default", "meaning"), list(_rows()))
def test_they_say_default_meaning_and_who_reads_it(settings, name, default, meaning):
    field = name.removeprefix(ENV_PREFIX).lower()

    assert default == _default(settings.model_fields[field])
    assert meaning.removeprefix("**Producer.** ") == settings.model_fields[field].description
    assert meaning.startswith("**Producer.**") is (field in ProducerSettings.model_fields)


def test_a_duration_says_its_unit_in_its_name():
    unclear = [
        name
        for name, field in _fields()
        if DURATION.search(field.description) and not name.endswith("_seconds")
    ]

    assert unclear == []


def test_a_size_says_its_unit_in_its_name():
    unclear = [
        name
        for name, field in _fields()
        if "size" in name or "memory" in name or (name.startswith("max_") and "bytes" not in name)
    ]

    assert unclear == []


def test_the_usual_settings_are_few_and_in_the_order_of_all():
    order = [name for name, _, _ in _table("settings")]
    usual = [name for name, _, _ in _table("usual settings")]

    assert len(usual) <= 15
    assert usual == sorted(usual, key=order.index)
