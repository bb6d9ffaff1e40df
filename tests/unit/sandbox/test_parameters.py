from pathlib import Path

import pytest

from convertapi_sandbox.converters import kinds
from convertapi_sandbox.converters.model import Converter, Parameter, Takes
from convertapi_sandbox.errors import ApiError
from convertapi_sandbox.files import StoredFile
from convertapi_sandbox.parameters import Parameters, check


def converter(takes=Takes.FILE, *parameters):
    pairs = frozenset({("a", "b")})
    return Converter(pairs=pairs, run=lambda _: [], parameters=parameters, takes=takes)


def checked(pairs, declared=None):
    return check(Parameters(pairs), declared or converter())


def refused(pairs, declared=None):
    with pytest.raises(ApiError) as raised:
        checked(pairs, declared)
    assert (raised.value.status, raised.value.code) == (400, 4000)
    return raised.value.invalid


def test_defaults():
    result = checked([("File", "x")])
    assert (result.store_file, result.asynchronous, result.timeout_s) == (False, False, 900)
    assert (result.file_name, result.job_id, result.webhook) == ("", None, None)


def test_names_are_compared_without_case():
    result = checked([("fILE", "x"), ("STOREFILE", "True"), ("async", "1"), ("timeout", "10")])
    assert (result.sources, result.store_file, result.asynchronous) == (("x",), True, True)
    assert result.timeout_s == 10


def test_indexed_files_are_ordered_by_index():
    pairs = [("Files[2]", "c"), ("files[0]", "a"), ("Files[1]", "b")]
    assert checked(pairs, converter(Takes.FILES)).sources == ("a", "b", "c")


@pytest.mark.parametrize("name", ["Files", "Files[]"])
def test_repeated_files_keep_their_order(name):
    pairs = [(name, "b"), (name, "a")]
    assert checked(pairs, converter(Takes.FILES)).sources == ("b", "a")


def test_blank_values_count_as_not_given():
    assert checked([("File", "x"), ("Timeout", "")]).timeout_s == 900


@pytest.mark.parametrize("value", ["9", "1201", "10.5", "soon", "-1"])
def test_timeout_is_a_whole_number_within_bounds(value):
    assert list(refused([("File", "x"), ("Timeout", value)])) == ["Timeout"]


def test_all_problems_are_told_at_once():
    pairs = [("StoreFile", "maybe"), ("Wrong", "1"), ("WebHook", "ftp://x")]
    assert set(refused(pairs)) == {"StoreFile", "Wrong", "WebHook", "File"}


def test_a_value_given_twice_is_refused():
    assert list(refused([("File", "x"), ("Timeout", "10"), ("timeout", "20")])) == ["Timeout"]


def test_two_files_for_one_are_refused():
    assert list(refused([("File", "x"), ("Url", "y")])) == ["File"]


def test_a_file_where_text_belongs_is_refused():
    file = StoredFile(id="i", name="n", path=Path("p"), size=1, digest="d", created=0)
    assert list(refused([("File", "x"), ("Timeout", file)])) == ["Timeout"]


def test_a_converter_adds_its_parameters():
    declared = converter(Takes.FILE, Parameter("Quality", kinds.integer(1, 9), default=5))
    assert checked([("File", "x")], declared).options == {"Quality": 5}
    assert checked([("File", "x"), ("quality", "7")], declared).options == {"Quality": 7}
    assert list(refused([("File", "x"), ("Quality", "10")], declared)) == ["Quality"]


def test_a_file_name_loses_its_folders():
    assert checked([("File", "x"), ("FileName", "../../etc/name")]).file_name == "name"
