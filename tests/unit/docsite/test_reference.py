"""The reference says all that the code has."""

from __future__ import annotations

import inspect
import re
from enum import Enum

import pytest
from celery import Celery
from celery.events import EventDispatcher

import conveyor
import pytest_conveyor
from conveyor import Conversion, Failure, FailureKind, State, names
from conveyor import testing as kit
from conveyor.ledger.keys import Keys
from conveyor.messaging.publishing import Publisher, announce
from conveyor.names import Queues
from docsite.reference import command_line, events, http, ledger, library, metrics, testing
from tests.unit.docs import reading
from workers import announcing

SCRIPTS = sorted(path.name for path in (reading.ROOT / "conveyor/ledger/scripts").glob("*.lua"))
ENUMS = [getattr(conveyor, name) for name in conveyor.__all__]
ENUMS = [each for each in ENUMS if inspect.isclass(each) and issubclass(each, Enum)]


def test_the_test_kit_has_a_section_for_each_public_name_and_a_row_for_each_fixture():
    page = testing.page()
    shown = re.findall(r"^::: conveyor\.testing\.(\w+)$", page, re.MULTILINE)

    assert sorted(shown) == sorted(kit.__all__)
    assert re.findall(r"^\| `(\w+)` \| \S", page, re.MULTILINE) == pytest_conveyor.__all__
    assert "assert_enqueued, " in page


def test_the_library_shows_what_the_parts_of_a_class_bring():
    """mkdocstrings shows an inherited member only if `mkdocs.yml` names it."""
    text = (reading.ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (block,) = re.findall(r"inherited_members:\n((?: +- \w+\n)+)", text)
    brought = {
        name
        for part in conveyor.Conveyor.__mro__[1:]
        if part.__module__.startswith("conveyor.")
        for name in vars(part)
        if not name.startswith("_")
    }

    assert brought <= set(re.findall(r"- (\w+)", block))


def test_the_library_has_a_section_for_each_public_name():
    shown = re.findall(r"^::: conveyor\.(\w+)$", library.page(), re.MULTILINE)

    assert sorted(shown) == conveyor.__all__


@pytest.mark.parametrize("public", ENUMS)
def test_the_library_shows_each_value_with_a_meaning(public):
    page = library.page()

    for each in public:
        assert re.search(
            rf"^\| `{public.__name__}\.{each.name}` \| `{each.value}` \| \w.+ \|$",
            page,
            re.MULTILINE,
        )


def test_the_command_line_shows_each_command_with_its_arguments_and_options():
    page = command_line.page()

    for words, command in command_line.commands():
        section = page.partition(f"\n## {words}\n")[2].partition("\n## ")[0]
        assert section
        for each in command.params:
            assert set(each.opts if each.opts[0].startswith("-") else [each.metavar]) <= set(
                re.findall(r"[\w\[\].-]+", section)
            )


def test_the_http_page_shows_each_operation_with_its_parameters_and_answers():
    page = http.page()

    for path, methods in http.document()["paths"].items():
        for method, operation in methods.items():
            heading = f"\n### `{method.upper()} {path}`\n"
            section = page.partition(heading)[2].partition("\n### ")[0]
            names = [each["name"] for each in operation.get("parameters", ())]
            assert [name for name in names if f"| `{name}`" not in section] == []
            assert [each for each in operation["responses"] if f"| {each} |" not in section] == []


def test_the_http_page_shows_the_fields_of_a_form_each_with_its_own_meaning():
    section = http.page().partition("### `POST /conversions`")[2].partition("\n### ")[0]
    form = section.partition("| field of `multipart/form-data` |")[2]

    assert "| `file` *required* | list of binary, not empty, 1 to 96 items | The documents," in form
    assert "| `to` *required* | string | The target format," in form
    assert "| `from_format` | string | The source's format;" in form
    assert "| *other* | binary, not empty | A parameter that is a file," in form


def test_the_http_page_shows_each_object_that_an_answer_links_to():
    page = http.page()

    linked = set(re.findall(r"\[\w+\]\(#(\w+)\)", page))
    assert linked
    assert linked <= {name.lower() for name in re.findall(r"^### (\w+)$", page, re.MULTILINE)}


def test_the_metrics_have_the_names_types_and_labels_that_prometheus_reads():
    page = metrics.page()

    assert "| `conveyor_polls_total` | counter |  |" in page
    assert "| `conveyor_conversions` | gauge | `state`: queued, converting, ready," in page
    assert "| `conveyor_polls_per_conversion` | histogram |  |" in page
    assert "| `conveyor_account_held` | gauge | `account`: its name |" in page


def _patterns():
    """The keys that the code makes, up to what varies."""
    keys = Keys("conveyor")
    for name, value in vars(Keys).items():
        if isinstance(value, property) and name not in ("prefix", "entry_prefix", "all_due"):
            yield getattr(keys, name)
        if inspect.isfunction(value) and not name.startswith("_"):
            varies = "idempotency" if name == "idempotency" else "<"
            yield getattr(keys, name)(varies).rpartition(":")[0] + ":<"


def test_the_ledger_shows_each_key_that_the_code_makes():
    shown = {key.name.partition("<")[0] for key in ledger.keys_of()}

    assert {pattern.partition("<")[0] for pattern in _patterns()} - shown == set()


def test_the_ledger_shows_each_row_of_the_table_of_keys():
    rows = [line for line in inspect.getdoc(ledger.keys).splitlines() if line.startswith("``")]

    assert len(list(ledger.keys_of())) == len(rows) > 30


def test_the_ledger_shows_each_script_with_keys_arguments_and_answer():
    shown = {script.name: script for script in ledger.scripts_of()}
    beginnings = {name for script in shown.values() for name in script.begins_with}

    assert list(shown) == SCRIPTS
    for name, script in shown.items():
        assert script.purpose.endswith((".", "?"))
        if name not in beginnings:
            assert re.match(r"KEYS\[1.*^ARGV.*^returns", script.interface, re.DOTALL | re.MULTILINE)


def _conversion(**fields):
    return Conversion("1", fields.pop("state"), "docx", "pdf", **fields)


@pytest.mark.parametrize(
    ("conversion", "kinds"),
    [
        (
            _conversion(state=State.SUCCEEDED),
            ("task-received", "task-started", "task-succeeded"),
        ),
        (
            _conversion(state=State.FAILED, failure=Failure(FailureKind.INPUT, "It is damaged.")),
            ("task-received", "task-started", "task-failed"),
        ),
    ],
)
def test_the_events_have_the_fields_that_workers_send(conversion, kinds):
    sent = dict(announcing._events(announcing._Told(conversion, at=2.0, took_s=1.0)))

    assert tuple(sent) == kinds
    assert {kind: tuple(fields) for kind, fields in sent.items()} == {
        kind: events.CELERY_EVENTS[kind][0] for kind in kinds
    }


def test_the_event_of_a_producer_has_the_fields_that_it_sends(monkeypatch):
    sent = {}
    monkeypatch.setattr(
        EventDispatcher, "publish", lambda _, kind, fields, __: sent.update({kind: fields})
    )
    app = Celery(broker="memory://", set_as_current=False)
    app.conf.task_send_sent_event = True
    announce(Publisher(app, Queues()), "1", names.SUBMIT, "{}")

    assert {kind: tuple(fields) for kind, fields in sent.items()} == {
        "task-sent": events.CELERY_EVENTS["task-sent"][0]
    }


def test_the_events_show_a_stream_as_the_web_process_writes_it():
    page = events.page()

    assert page.count("\nevent: state\n") == 4
    assert '"state": "succeeded"' in page
