"""DocQueries: queries that a plan writes for documents, as a value that stages can have in their options."""

from __future__ import annotations

from typing import Annotated, Any

from nirank.algebra.node import Node
from nirank.algebra.sides import Sides


class DocQueries:
    """Queries that are written for documents; subclasses are frozen data classes."""

    @property
    def title(self) -> str:
        """A short name for people."""
        raise NotImplementedError

    @property
    def base_names(self) -> tuple[str, ...]:
        """The models that write them, by the names that model cards have."""
        raise NotImplementedError

    def compile_texts(self, sides: Sides) -> Node:
        """Return the computation that gives them as texts; the ids of those of document `d` are `d#0`, `d#1`, …."""
        raise NotImplementedError


class _DocQueriesOption:
    """How an option that takes such queries is validated; in a configuration they have a form of their own."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.nullable_schema(core_schema.is_instance_schema(DocQueries))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
        return {"type": ["object", "null"]}


QueriesOption = Annotated[DocQueries | None, _DocQueriesOption]
