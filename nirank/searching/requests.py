"""What is sent to the server and comes back, and how much of it may be asked for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MAX_BODY = 1 << 20  # bytes of a request
MAX_CHARACTERS = 100_000  # of a query
MAX_K = 100  # documents of an answer
MAX_KEYS = 50  # of a query's metadata that are listed
MAX_WAITING = 64  # searches that wait for their turn
MAX_SECONDS = 30.0  # of a search, its turn awaited

_NAME = 500  # characters of a name or a key
MetadataText = Annotated[str, Field(max_length=MAX_CHARACTERS)]
Number = Annotated[int, Field(ge=-(1 << 53), le=1 << 53)] | Annotated[float, Field(allow_inf_nan=False)]
MetadataValue = MetadataText | bool | Number


def _to_whole_number(value: Any) -> Any:
    """Return 3 for 3.0, which JSON does not tell apart."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class SearchRequest(BaseModel):
    """One query for one system.

    collection  by name; it may be left out where there is one only
    metadata    of the query, such as its date
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    system: str = Field(max_length=_NAME)
    query: str = Field(max_length=MAX_CHARACTERS)
    title: str | None = Field(default=None, max_length=MAX_CHARACTERS)
    metadata: dict[Annotated[str, Field(max_length=_NAME)], MetadataValue] = Field(default={}, max_length=20)
    collection: str | None = Field(default=None, max_length=_NAME)
    k: Annotated[int, BeforeValidator(_to_whole_number)] = Field(default=10, ge=1, le=MAX_K)


class ServedSystem(BaseModel):
    """A system; `refusal` says why it cannot be asked."""

    name: str
    refusal: str | None = None


class ServedCollection(BaseModel):
    """A collection, with the columns and metadata keys that a query may have."""

    name: str
    documents: int
    query_keys: list[str]
    systems: list[ServedSystem]


class Limits(BaseModel):
    """The most that may be asked for."""

    characters: int = MAX_CHARACTERS
    k: int = MAX_K
    waiting: int = MAX_WAITING
    seconds: float = MAX_SECONDS


class Served(BaseModel):
    """What can be asked here."""

    collections: list[ServedCollection]
    limits: Limits


class Health(BaseModel):
    """Whether the server answers, and how many searches wait."""

    status: str
    waiting: int


class Failure(BaseModel):
    """What went wrong, in a sentence."""

    error: str
