"""The reader of Bicep, on files of a few lines."""

from __future__ import annotations

import pytest

from tests.infra.bicep import BrokenSyntax, read
from tests.infra.expressions import (
    Binding,
    Literal,
    Name,
    UnknownSyntax,
    Value,
    evaluate,
    literal_text,
)
from tests.infra.files import Files

SMALL = """
// How many there are.
@description('How many.')
@minValue(1)
param count int = 3

@description('It is secret.')
@secure()
param key string

var names = [for index in range(0, count): 'n${index}']

resource all 'Some.Provider/things@2024-01-01' = [for name in names: {
  name: name
  properties: {
    'a.b': 'it\\'s ${count}'
    on: !empty(key) && count == 3 ? true : false
  }
}]

module other 'modules/other.bicep' = if (count > 1) {
  name: 'other'
  params: {
    count: count
  }
}

@description('The first.')
output first string = all[0].name
"""


def test_declarations_are_read_with_what_stands_above_them() -> None:
    file = read("small.bicep", SMALL)
    assert file.parameters["count"].type == "int"
    assert file.parameters["count"].default == Literal(3)
    assert file.parameters["count"].decorators.description == "How many."
    assert "secure" in file.parameters["key"].decorators
    assert "secure" not in file.parameters["count"].decorators
    assert file.parameters["key"].default is None
    assert file.outputs["first"].decorators.description == "The first."
    assert isinstance(file.variables["names"].value, Binding)
    assert file.names == {"count", "key", "names", "all", "other"}


def test_resources_and_modules_are_read_through_loops_and_conditions() -> None:
    file = read("small.bicep", SMALL)
    everything = file.resources["all"]
    assert (everything.type, everything.version) == ("Some.Provider/things", "2024-01-01")
    assert everything.over == Name("names")
    assert everything.get("name") == Name("name")
    assert everything.get("properties.missing") is None
    other = file.modules["other"]
    assert other.path == "modules/other.bicep"
    assert other.condition is not None
    assert other.parameters == {"count": Name("count")}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'a${x}b'", "aTrueb"),
        ("'it\\'s  ${n} '", "it's  2 "),
        ("string(x)", "True"),
        ("n == 2 ? 'two' : 'other'", "two"),
        ("x && !empty(none) ? 'yes' : ''", ""),
        ("-1", -1),
    ],
)
def test_simple_expressions_have_a_value(text: str, value: Value) -> None:
    variable = read("one.bicep", f"var one = {text}\n").variables["one"]
    assert evaluate(variable.value, {"x": True, "n": 2, "none": ""}) == value


def test_only_a_string_without_insertions_is_its_text() -> None:
    file = read("two.bicep", "var a = 'a b'\nvar b = 'a ${c}'\nvar c = ''\n")
    assert [literal_text(variable.value) for variable in file.variables.values()] == [
        "a b",
        None,
        "",
    ]


@pytest.mark.parametrize("text", ["param", "var a = {", "resource x 'y@1' = {\n  name 'z'\n}\n"])
def test_what_does_not_parse_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(BrokenSyntax, match=r"bad\.bicep:\d+:\d+"):
        read("bad.bicep", text)


def test_syntax_that_the_files_have_no_need_of_is_refused() -> None:
    with pytest.raises(UnknownSyntax, match="resource_expression"):
        read("new.bicep", "var a = b::c\n")


def test_every_file_parses(files: Files) -> None:
    assert len(files) == 11
    assert all(file.parameters for file in files.values())
