"""The laws of stages as values: equality, hash, frozen, pickle, repr, schema."""

from __future__ import annotations

import dataclasses
import json
import pickle
import sys
from typing import Any

from nirank.algebra.pipeline import Pipeline
from nirank.algebra.stage import Stage
from nirank.testing.law import demand, run_law


def check_value(stage: Stage) -> None:
    """Check everything that can be checked without running the stage."""
    kind = type(stage)
    again = dataclasses.replace(stage)
    demand(again == stage and hash(again) == hash(stage), stage, "equality", "the same options give an unequal stage")
    demand(
        again.describe_identity() == stage.describe_identity(),
        stage,
        "equality",
        "equal stages have different identities",
    )
    demand(pickle.loads(pickle.dumps(stage)) == stage, stage, "pickle", "what is unpickled is another value")
    with run_law(stage, "repr parses back"):
        parsed = eval(repr(stage), _list_names(stage))
    demand(parsed == stage, stage, "repr parses back", f"it parses to {parsed!r}")
    for field in dataclasses.fields(stage)[:1]:
        try:
            setattr(stage, field.name, None)
        except dataclasses.FrozenInstanceError:
            continue
        raise AssertionError(f"{stage!r}: frozen: '{field.name}' could be set")
    if isinstance(getattr(kind, "name", None), str):
        _check_schema(stage)


def _check_schema(stage: Stage) -> None:
    from pydantic import TypeAdapter, ValidationError

    with run_law(stage, "schema"):
        adapter = TypeAdapter(type(stage))
        schema = adapter.json_schema()
        read_back = adapter.validate_json(json.dumps(stage.options))
    demand(read_back == stage, stage, "schema", f"its options as JSON read back as {read_back!r}")
    known = schema.get("properties", {})
    missing = [field.name for field in dataclasses.fields(stage) if field.name not in known]
    demand(not missing, stage, "schema", f"options {missing} are not in it")
    try:
        adapter.validate_python({**stage.options, "no_such_option": 1})
    except ValidationError:
        return
    raise AssertionError(f"{stage!r}: schema: an unknown option was accepted")


def _list_names(stage: Stage) -> dict[str, Any]:
    """Return the names that a stage's `repr` may use: its module's, and its functions' own."""
    names = dict(vars(sys.modules[type(stage).__module__]))
    names[type(stage).__name__] = type(stage)
    for value in (getattr(stage, field.name) for field in dataclasses.fields(stage)):
        if callable(value) and not isinstance(value, Pipeline):
            names[getattr(value, "__name__", "")] = value
    return names
