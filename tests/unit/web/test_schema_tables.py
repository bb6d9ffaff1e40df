from __future__ import annotations

import pytest

from web.schema_tables import as_html, schema_tables, shape_of


@pytest.mark.parametrize(
    ("schema", "shape"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "minLength": 1, "maxLength": 255}, "string, at most 255 characters"),
        ({"type": "integer", "minimum": 0, "maximum": 1200}, "integer, from 0, to 1,200"),
        ({"type": "string", "format": "binary"}, "file"),
        ({"type": "string", "format": "date-time"}, "time"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number or null"),
        ({"enum": ["a", "b"]}, "one of <code>a</code>, <code>b</code>"),
        ({"const": "a"}, "one of <code>a</code>"),
        (
            {"type": "array", "items": {"type": "string"}, "maxItems": 3},
            "list of string, at most 3",
        ),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, "object of boolean"),
        ({"$ref": "#/components/schemas/Order"}, '<a href="#schema-Order">Order</a>'),
        ({}, "anything"),
    ],
)
def test_schema_is_told_in_one_line(schema, shape):
    assert shape_of(schema) == shape


def test_object_without_a_name_is_a_list_of_its_members():
    schema = {"properties": {"to": {"type": "string", "description": "The target."}}}

    assert shape_of(schema) == "<ul><li><code>to</code>: string. The target.</ul>"


def test_named_object_is_a_table_that_shapes_link_to():
    schema = {
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "description": "An order.",
    }
    made = "".join(schema_tables({"Order": schema}))

    assert 'id="schema-Order"' in made
    assert "<code>a</code> (required)<td>string" in made


def test_description_is_escaped_and_its_code_marked():
    assert as_html("`a` & <b>'s") == "<code>a</code> &amp; &lt;b&gt;'s"
