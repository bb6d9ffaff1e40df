"""The header fields of each kind of request."""

from __future__ import annotations

import pytest

from conveyor.convertapi.authorization import Signature
from conveyor.convertapi.request_fields import CallFields, file_fields, upload_fields

BEARER = Signature(fields={"Authorization": "Bearer a"})
PLAIN = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": "conveyor",
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def call_fields():
    return CallFields()


@pytest.mark.parametrize(("is_form", "more"), [(False, {}), (True, FORM)])
def test_call_takes_json_and_says_who_it_is_of(call_fields, is_form, more):
    nobody = call_fields.of(None, Signature(), is_form=is_form)
    somebody = call_fields.of("a", BEARER, is_form=is_form)

    assert dict(nobody) == {**PLAIN, **more}
    assert dict(somebody) == {**PLAIN, **more, "Authorization": "Bearer a"}


def test_fields_of_a_call_are_written_once_for_each_secret(call_fields):
    first = call_fields.of("a", BEARER, is_form=True)

    assert call_fields.of("a", BEARER, is_form=True) is first
    assert call_fields.of("b", Signature(), is_form=True) is not first


def test_fields_of_sixteen_kinds_of_calls_are_kept_and_not_of_more(call_fields):
    made = [call_fields.of(str(number), BEARER, is_form=False) for number in range(16)]
    kept = [call_fields.of(str(number), BEARER, is_form=False) for number in range(16)]
    call_fields.of("16", BEARER, is_form=False)

    assert all(one is other for one, other in zip(made, kept, strict=True))
    assert len(call_fields._kept) == 1


def test_upload_says_its_name_its_type_and_who_it_is_of():
    assert dict(upload_fields("attachment; filename=a", BEARER)) == {
        **PLAIN,
        "Content-Disposition": "attachment; filename=a",
        "Content-Type": "application/octet-stream",
        "Authorization": "Bearer a",
    }


FILE = {**PLAIN, "Accept": "*/*", "Accept-Encoding": "identity"}


@pytest.mark.parametrize(
    ("start", "tag", "more"),
    [
        (0, "", {}),
        (0, '"v1"', {}),
        (1, "", {"Range": "bytes=1-"}),
        (5, '"v1"', {"Range": "bytes=5-", "If-Range": '"v1"'}),
    ],
)
def test_download_takes_plain_bytes_from_where_it_goes_on(start, tag, more):
    assert dict(file_fields(start, tag)) == {**FILE, **more}
