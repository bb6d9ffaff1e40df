from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest

from conveyor.domain.dialect import Dialect

ID = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("dialect", "start", "query", "job"),
    [
        (Dialect.PATH, "/async/convert/docx/to/pdf", {"JobId": ID}, f"/async/job/{ID}"),
        (
            Dialect.QUERY,
            "/convert/docx/to/pdf",
            {"Async": "true", "JobId": ID},
            f"/job/{ID}",
        ),
    ],
)
def test_a_dialect_is_its_addresses(dialect, start, query, job):
    assert dialect.start_path("docx", "pdf") == start
    assert dialect.start_query(ID) == query
    assert dialect.job_path(ID) == job


@pytest.mark.parametrize("dialect", Dialect)
def test_a_start_that_waits_for_its_result_is_none_of_an_asynchronous_job(dialect):
    assert dialect.start_query(ID, semi=True) == {"JobId": ID}


@pytest.mark.parametrize("dialect", Dialect)
def test_an_id_of_the_services_can_not_lead_elsewhere(dialect):
    path = dialect.job_path("../../user?x=#y")

    assert path.count("/") == dialect.job_path("x").count("/")
    assert not set(path) & set("?#")


@pytest.mark.parametrize(
    ("dialect", "form"),
    [
        (Dialect.PATH, r"[a-z0-9]{32}"),
        (Dialect.QUERY, r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    ],
)
def test_our_ids_have_the_dialects_form_and_are_the_same_id(dialect, form):
    uuid = uuid4()

    assert re.fullmatch(form, dialect.job_id(uuid))
    # A second try in the other dialect, and every later one, keeps the id.
    assert UUID(dialect.job_id(uuid)) == uuid


def test_a_dialect_has_the_word_that_settings_and_ledgers_hold():
    assert [dialect.value for dialect in Dialect] == ["path", "query"]
