"""The table of settings in the README is the settings."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import WorkerSettings
from conveyor.settings import ENV_PREFIX, ProducerSettings

README = Path(__file__).parents[3] / "README.md"


def _table():
    text = README.read_text(encoding="utf-8")
    table = text.split("<!-- settings -->")[1].split("<!-- /settings -->")[0]
    return re.findall(r"^\| `(\w+)` \| (\S+|\*\w+\*) \| (.+) \|$", table, re.MULTILINE)


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


def test_it_names_every_setting_in_order():
    assert [name for name, _, _ in _table()] == [
        ENV_PREFIX + name.upper() for name in WorkerSettings.model_fields
    ]


@pytest.mark.parametrize(("name", "default", "meaning"), _table(), ids=lambda cell: cell[:30])
def test_it_says_default_meaning_and_who_reads_it(name, default, meaning):
    field = name.removeprefix(ENV_PREFIX).lower()

    assert default == _default(WorkerSettings.model_fields[field])
    assert meaning.removeprefix("**Producer.** ") == WorkerSettings.model_fields[field].description
    assert meaning.startswith("**Producer.**") is (field in ProducerSettings.model_fields)
