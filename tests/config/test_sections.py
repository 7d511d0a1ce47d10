"""Sections: one definition of a mapping gives its values, its mistakes and its JSON schema."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from nirank.config.mistakes import Mistakes
from nirank.config.open_file import Form, OpenFile
from nirank.config.sections import Words, make_section, mark_form, read_value
from nirank.config.yaml_parser import parse_yaml
from nirank.errors import ConfigError

WORDS = Words("tea", "tea has no key", "{leaves: 3}", "tea needs '{key}'")


@dataclass(frozen=True)
class Tea:
    """A data class whose fields have every difficulty: text like a number, and names that pydantic's models use."""

    leaves: int
    name: str = "green"
    copy: float = 1.0
    json: Literal["hot", "cold"] = "hot"
    sizes: tuple[int, ...] = ()


def read(text: str, **keys: Any) -> Tea | None:
    mistakes = Mistakes("tea.yaml", text)
    file = OpenFile(Path(), mistakes, {}, {"cup": Form(lambda tree, _: tree.text, list)})
    tea = read_value(make_section(Tea, WORDS, **keys), Tea, parse_yaml(text, "tea.yaml", mistakes), file)
    mistakes.raise_if_any()
    return tea


def test_a_section_has_the_keys_types_and_defaults_of_its_data_class() -> None:
    assert read("{leaves: '3'}") == Tea(3)
    assert read("{leaves: 1e1, name: 007, copy: 2, json: cold, sizes: [1, '2']}") == Tea(10, "007", 2.0, "cold", (1, 2))
    schema = make_section(Tea, WORDS).model_json_schema()
    assert (list(schema["properties"]), schema["required"]) == (["leaves", "name", "sizes", "copy", "json"], ["leaves"])
    assert schema["properties"]["name"]["default"] == "green"
    assert schema["properties"]["json"]["enum"] == ["hot", "cold"]
    assert schema["additionalProperties"] is False


def test_all_mistakes_are_noted_each_at_its_place() -> None:
    with pytest.raises(ConfigError) as error:
        read("name: [a]\nlevaes: 3\nsizes: [1, x, 2, y]\njson: hto\n")
    first_lines = [message.splitlines()[0] for message in error.value.messages]
    assert first_lines == [
        "tea.yaml:1:1: tea needs 'leaves'",
        "tea.yaml:1:7: tea: name: input should be a valid string, got ['a']",
        "tea.yaml:2:1: tea has no key 'levaes'; did you mean 'leaves'?",
        "tea.yaml:3:12: tea: sizes: input should be a valid integer, unable to parse string as an integer, got 'x'",
        "tea.yaml:3:18: tea: sizes: input should be a valid integer, unable to parse string as an integer, got 'y'",
        "tea.yaml:4:7: tea: json: input should be 'hot' or 'cold', got 'hto'; did you mean 'hot'?",
    ]


def test_what_a_form_reads_is_its_value_alone_or_in_a_list() -> None:
    assert read("{leaves: 1, name: 1e3}", name=mark_form("cup")) == Tea(1, "1e3")
    for text in ("{leaves: 1, sizes: 5}", "{leaves: 1, sizes: [5]}"):
        assert read(text, sizes=mark_form("cup", least=1)) == Tea(1, sizes=("5",))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="tea: sizes: expected a list with at least one entry, got a list"):
        read("{leaves: 1, sizes: []}", sizes=mark_form("cup", least=1))
