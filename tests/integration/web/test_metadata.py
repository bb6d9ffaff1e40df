"""A caller's own data over HTTP: taken in three forms, shown everywhere, and searched."""

from __future__ import annotations

import json

import pytest

from conveyor.domain.terms import Terms

URL = "https://example.com/files/a.docx?signature=hush"
METADATA = {"order": "4711", "shop": 3, "gift": True}
DEADLINE = "2030-01-01T00:00:00Z"
DEADLINE_AT = 1893456000.0


def _as_json(site):
    order = {"source": URL, "to": "pdf", "metadata": METADATA, "deadline": DEADLINE}
    return site.post("/conversions", json=order)


def _as_form(site):
    fields = {"to": "pdf", "metadata": json.dumps(METADATA), "deadline": DEADLINE}
    return site.post("/conversions", data=fields, files={"file": ("a.docx", b"x")})


def _as_document(site):
    query = {"to": "pdf", "name": "a.docx", "metadata": json.dumps(METADATA), "deadline": DEADLINE}
    return site.post("/conversions", params=query, data=b"x")


@pytest.mark.parametrize("post", [_as_json, _as_form, _as_document])
def test_metadata_deadline_and_source_name_are_taken_and_shown(site, ledger, post):
    told = post(site).json()

    assert (told["metadata"], told["source_name"]) == (METADATA, "a.docx")
    assert told["deadline_at"] == "2030-01-01T00:00:00.000Z"
    assert site.get(f"/conversions/{told['id']}").json()["metadata"] == METADATA
    entry = ledger.get(told["id"])
    assert (entry.terms.metadata, entry.deadline_at) == (METADATA, DEADLINE_AT)


def test_deadline_in_seconds_counts_from_the_acceptance(site, ledger):
    told = site.post("/conversions", json={"source": URL, "to": "pdf", "deadline": 600}).json()

    entry = ledger.get(told["id"])
    assert entry.deadline_at == pytest.approx(entry.created_at + 600, abs=0.01)


@pytest.mark.parametrize(
    "wrong",
    [
        {"metadata": {"order": None}},
        {"metadata": {"order": ["x"]}},
        {"metadata": {"a b": 1}},
        {"metadata": "order=1"},
        {"metadata": {"order": "x" * 5000}},
        {"metadata": {f"k{number}": 1 for number in range(17)}},
        {"deadline": 0},
        {"deadline": -1},
        {"deadline": "2030-01-01T00:00:00"},
        {"deadline": True},
        {"deadline": []},
    ],
)
def test_wrong_terms_are_refused(site, wrong):
    answer = site.post("/conversions", json={"source": URL, "to": "pdf", **wrong})

    assert answer.status_code == 422


@pytest.mark.parametrize("wrong", [{"metadata": "{"}, {"metadata": "[]"}, {"deadline": "soon"}])
def test_wrong_terms_of_a_document_are_refused(site, wrong):
    answer = site.post("/conversions", params={"to": "pdf", "name": "a.docx", **wrong}, data=b"x")

    assert answer.status_code == 422


def test_list_is_searched_by_metadata(site, ledger, make):
    for number, order in enumerate(["4711", "4712", "4711"]):
        terms = Terms.of({"order": order, "shop": "eu"})
        ledger.open(f"c{number}", make.request, terms=terms)

    def found(*pairs, **query):
        answer = site.get("/conversions", params={"metadata": pairs, **query})
        assert answer.status_code == 200
        return [each["id"] for each in answer.json()["conversions"]]

    assert found("order=4711") == ["c2", "c0"]
    assert found("order=4711", "shop=eu") == ["c2", "c0"]
    assert found("order=4713") == []
    assert found("order=4711", state="failed") == []


def test_search_is_kept_from_page_to_page(site, ledger, make):
    for number in range(5):
        ledger.open(f"c{number}", make.request, terms=Terms.of({"shop": "eu", "a": "ü=&"}))
    ledger.open("c9", make.request)
    path, ids = "/conversions?limit=2&metadata=shop=eu&metadata=a=%C3%BC%3D%26", []
    while path:
        answer = site.get(path).json()
        ids += [each["id"] for each in answer["conversions"]]
        path = answer["next"]

    assert ids == [f"c{number}" for number in reversed(range(5))]


@pytest.mark.parametrize("pair", ["order", "=x", "a b=1", "k" * 65 + "=1"])
def test_wrong_search_is_refused(site, pair):
    assert site.get("/conversions", params={"metadata": pair}).status_code == 422


def test_same_key_twice_is_refused(site):
    answer = site.get("/conversions?metadata=a=1&metadata=a=2")

    assert (answer.status_code, "given twice" in answer.json()["detail"]) == (422, True)
