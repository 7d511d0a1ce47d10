"""Mappings of a configuration as pydantic models: one definition gives the values, the mistakes and the JSON schema."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from typing import Annotated, Any, ClassVar, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError, core_schema

from nirank.base.values import get_field_type, suggest_choice
from nirank.config.open_file import Form, OpenFile
from nirank.config.yaml_tree import Tree
from nirank.errors import ConfigError, suggest

Place = tuple[int, int]
S = TypeVar("S", bound="Section")
T = TypeVar("T")


class Words(NamedTuple):
    """What messages say of a section.

    name      stands in front of a key, as in "recipe: epochs: …"; may be empty
    unknown   begins the message on a key that does not exist: "a recipe has no key"
    expected  an example
    missing   the message on a key that must be given, with its name as {key}
    listing   the last line of a message on a key that does not exist, with all keys as {keys}
    """

    name: str
    unknown: str
    expected: str
    missing: str = "'{key}' is missing"
    listing: str = "expected one of {keys}"


class Section(BaseModel):
    """A mapping of a configuration; the fields are its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, protected_namespaces=())
    section_words: ClassVar[Words]
    may_be_empty: ClassVar[Collection[str]] = ()  # keys without a value are as if they were not there

    @classmethod
    def describe_keys(cls) -> dict[str, FieldInfo]:
        """Return pydantic's description of each key."""
        return {field.alias or name: field for name, field in cls.model_fields.items()}

    def collect_values(self) -> dict[str, Any]:
        """Return the values of the keys that were given."""
        fields = type(self).model_fields.items()
        return {field.alias or name: getattr(self, name) for name, field in fields if name in self.model_fields_set}


def make_section(kind: type[Any], words: Words, /, *, without: Collection[str] = (), **keys: Any) -> type[Section]:
    """Return the section whose keys are the fields of a data class, with their types and defaults.

    without  fields that are no keys
    keys     the types of further keys, and of those that are written in another form; a tuple (type, ...) is a key
             that must be given
    """
    types: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if field.name in without:
            continue
        is_required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        default = None if field.default is dataclasses.MISSING else field.default
        hint = keys.pop(field.name) if field.name in keys else get_field_type(kind, field.name)
        types[field.name] = hint if isinstance(hint, tuple) else (hint, ... if is_required else default)
    types |= {name: hint if isinstance(hint, tuple) else (hint, None) for name, hint in keys.items()}
    for name in [name for name in types if hasattr(Section, name)]:  # an attribute that all of pydantic's models have
        hint, default = types.pop(name)
        types[f"key_{name}"] = (hint, Field(default, alias=name))
    section: type[Section] = create_model(kind.__name__, __base__=Section, **types)
    section.section_words = words
    return section


@dataclasses.dataclass(frozen=True)
class Expectation:
    """Marks the type of a key with what messages say was expected there."""

    words: str


@dataclasses.dataclass(frozen=True)
class FormMark:
    """Marks the type of a key whose value is read from the Tree itself, in a form that has a name.

    least  None: one value; else a list of at least so many, or one value alone
    """

    form: str
    least: int | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.with_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        value: dict[str, Any] = {"form": self.form}
        if self.least is None:
            return value
        return {"anyOf": [{"type": "array", "items": value, "minItems": self.least}, value]}

    def _read(self, tree: Tree, info: ValidationInfo) -> Any:
        file: OpenFile = info.context  # type: ignore[assignment]
        trees = [tree] if self.least is None else tree.entries
        if self.least is not None and (tree.value is None or len(trees) < self.least):
            raise PydanticCustomError("list", "expected a list with at least one entry")
        values = [file.forms[self.form].read(entry, file) for entry in trees]
        if any(value is None for value in values):
            raise PydanticCustomError("noted", "its mistake is noted already")
        return values[0] if self.least is None else tuple(values)


SCALAR = {"type": ["string", "number", "boolean"]}  # the JSON schema of what may be a name
Text = Annotated[str, Field(min_length=1), Expectation("text")]


def mark_form(form: str, least: int | None = None) -> Any:
    """Return the type of a key that is written in a form that has a name; with `least`, or as a list of such."""
    return Annotated[Any, FormMark(form, least)]


def read_section(kind: type[S], tree: Tree, file: OpenFile, place: Tree | None = None) -> S | None:
    """Return a mapping as a section; None, with every mistake noted at its place, where it is none.

    place  where it is noted that a key is missing; None: at the mapping
    """
    words = kind.section_words
    if not isinstance(tree.value, dict):
        file.mistakes.add(tree, f"{words.name}: expected {words.expected}, got {tree.kind}")
        return None
    keys = kind.describe_keys()
    forms = {key for key, field in keys.items() if any(isinstance(mark, FormMark) for mark in field.metadata)}
    values = {
        key: below if key in forms else below.to_type(keys[key].annotation if key in keys else Any)
        for key, below in tree.value.items()
        if below.value is not None or key not in kind.may_be_empty
    }
    try:
        return kind.model_validate(values, context=file)
    except ValidationError as error:
        explained = set()
        for wrong in error.errors(include_url=False):
            where, message = _explain(wrong, kind, tree, place or tree)
            if wrong["type"] != "noted" and (where not in explained or wrong["type"] == "missing"):
                file.mistakes.add(where, message)
            explained.add(where)  # a union has a mistake for each of its types
        return None


def read_value(
    kind: type[Section], make: Callable[..., T], tree: Tree, file: OpenFile, place: Tree | None = None
) -> T | None:
    """Return what is made of the keys of a section that were given; None where it is a mistake.

    place  where what is wrong with the section as a whole is noted; None: at the mapping
    """
    section = read_section(kind, tree, file, place)
    if section is not None:
        with file.note_errors(place or tree):
            return make(**section.collect_values())
    return None


def make_form(kind: type[Section], make: Callable[..., Any]) -> Form:
    """Return the form that is a section, of whose keys something is made."""
    return Form(lambda tree, file: read_value(kind, make, tree, file), lambda: [kind])


def _explain(wrong: Any, kind: type[Section], tree: Tree, owner: Tree) -> tuple[Place, str]:
    """Return place and message of one of pydantic's errors; `owner` is where a key is missing."""
    words, path = kind.section_words, wrong["loc"]
    keys = kind.describe_keys()
    if wrong["type"] == "extra_forbidden" and len(path) == 1:
        (name,) = path
        listing = words.listing.format(keys=", ".join(keys))
        return tree.find_key(name), f"{words.unknown} '{name}'{suggest(name, keys)}\n{listing}"
    if wrong["type"] == "missing" and len(path) == 1:
        return (owner.line, owner.column), words.missing.format(key=path[0])
    below = tree.find(path)
    place = below.line, below.column
    error = wrong.get("ctx", {}).get("error")
    if isinstance(error, ConfigError):  # it says the value itself
        return place, str(error)
    key = f"{words.name}: {path[0]}" if words.name else str(path[0])
    expected = [mark.words for mark in keys[path[0]].metadata if isinstance(mark, Expectation)]
    if expected and below is tree.value[path[0]]:
        return place, f"{key}: expected {expected[0]}, got {below.kind} ({below.plain!r})"
    if wrong["type"] == "list":
        return place, f"{key}: {wrong['msg']}, got {below.kind}"
    if wrong["type"] == "unexpected_keyword_argument":
        return tree.find(path[:-1]).find_key(path[-1]), f"{key}: there is no option '{path[-1]}'"
    value = f"got {wrong['input']!r}{suggest_choice(wrong)}"
    if wrong["type"] == "missing":
        return place, f"{key}: '{path[-1]}' is missing, {value}"
    message = wrong["msg"].replace("valid tuple", "list")
    return place, f"{key}: {message[0].lower()}{message[1:]}, {value}"
