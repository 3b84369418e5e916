"""What is wrong with a TOML configuration, in plain words with the line.

Values are never repeated, except numbers and truth values: somebody may have put a secret where it
does not belong, and what is printed ends up in logs.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from edge.config.toml_lines import Loc, lines_of

# pydantic's error types that say "this is not a ...", as a person says it.
_MUST_BE = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text in quotes",
    "path_type": "a path in quotes",
    "list_type": "a list, as in [a, b]",
    "tuple_type": "a list, as in [a, b]",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "datetime_type": "a date and time",
    "datetime_parsing": "a date and time",
}
# ... and those that give a limit: the words, and pydantic's name of the limit.
_LIMITS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}


def explain(toml_text: str, error: ValidationError, model: type[BaseModel]) -> list[str]:
    """A line for each mistake, in the order of the file; those of no line in particular come first.

    ``toml_text`` is the valid TOML that ``model`` refused with ``error``.
    """
    tables: dict[str, Any] = tomllib.loads(toml_text)
    lines = lines_of(toml_text)
    by_place: dict[tuple[int, Loc], list[str]] = {}
    for details in error.errors(include_url=False):
        loc = _in_the_file(details, tables)
        line = _nearest_line(lines, loc)
        by_place.setdefault((line, loc), []).append(_words(details, loc, model))
    return [
        _with_line(line, _together(messages))
        for (line, _), messages in sorted(by_place.items(), key=lambda item: item[0][0])
    ]


def placed(toml_text: str, mistakes: Iterable[tuple[Loc, str]]) -> list[str]:
    """Mistakes that other eyes found, each with the place it is in: told as ``explain`` tells its own."""
    lines = lines_of(toml_text)
    found = sorted(((_nearest_line(lines, loc), words) for loc, words in mistakes), key=lambda each: each[0])
    return [_with_line(line, words) for line, words in found]


def explain_syntax(error: tomllib.TOMLDecodeError) -> str:
    """One line for a text that is not TOML at all."""
    match = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", str(error), re.DOTALL)
    if match is None:
        return f"not TOML: {error}"
    where = f"line {match[2]}" if match[2] else "at its end"
    return f"{where}: not TOML: {match[1][:1].lower()}{match[1][1:]}"


def _with_line(line: int, words: str) -> str:
    return f"line {line}: {words}" if line else words


def _in_the_file(details: ErrorDetails, tables: dict[str, Any]) -> Loc:
    """The error's place without what pydantic adds to it, such as the branch of a union."""
    loc: Loc = ()
    value: Any = tables
    for part in details["loc"]:
        if isinstance(value, Mapping) and part in value:
            value = value[str(part)]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            continue
        loc = (*loc, part)
    return (*loc, details["loc"][-1]) if details["type"] == "missing" else loc


def _nearest_line(lines: dict[Loc, int], loc: Loc) -> int:
    """The line of ``loc`` or of what holds it; 0 for the file as a whole."""
    return next((lines[loc[:end]] for end in range(len(loc), 0, -1) if loc[:end] in lines), 0)


def _together(messages: list[str]) -> str:
    """Branches of a union each say what they wanted of the same value: say it once."""
    unique = list(dict.fromkeys(messages))
    heads, wants, tails = zip(*(_split(message) for message in unique), strict=True)
    if len(unique) > 1 and all(wants) and len(set(heads)) == 1:
        return f"{heads[0]} must be {' or '.join(dict.fromkeys(wants))}{tails[0]}"
    return "; ".join(unique)


def _split(message: str) -> tuple[str, str, str]:
    head, _, want = message.partition(" must be ")
    want, comma, tail = want.partition(", not ")
    return head, want, comma + tail


def _words(details: ErrorDetails, loc: Loc, model: type[BaseModel]) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(loc, details["input"], model)
    if kind == "missing":
        return _missing(loc, model)
    name, value = _name(loc), details["input"]
    if kind in _MUST_BE:
        return f"{name} must be {_MUST_BE[kind]}, not {_what(value)}"
    if kind in _LIMITS:
        words, limit = _LIMITS[kind]
        return f"{name} must be {words} {context[limit]}, not {_what(value)}"
    if kind in ("literal_error", "enum", "union_tag_invalid"):
        choices = str(context.get("expected", context.get("expected_tags", "")))
        guess = _did_you_mean(value, re.findall(r"'([^']*)'", choices))
        return f"{name} must be {choices}{guess}"
    if kind == "string_pattern_mismatch":
        field = _field(loc, model)
        meaning = f" ({field.description})" if field and field.description else ""
        return f"{name} is not written as it must be{meaning}: it must match {context['pattern']}"
    if kind == "value_error":
        return f"{name}: {context['error']}" if loc else str(context["error"])
    return f"{name}: {details['msg'][:1].lower()}{details['msg'][1:]}"


def _unknown(loc: Loc, value: object, model: type[BaseModel]) -> str:
    key = str(loc[-1])
    names = [name for parent in _models_at(loc[:-1], model) for name in _fields(parent)]
    is_table = isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict))
    what = f"unknown table [{_dotted(loc)}]" if is_table else f"unknown key '{key}'{_in(loc[:-1])}"
    guess = _did_you_mean(key, names)
    return what + (guess or (f"; known are: {', '.join(names)}" if names else ""))


def _missing(loc: Loc, model: type[BaseModel]) -> str:
    field = _field(loc, model)
    if field is not None and any(_models_in(field.annotation)):
        return f"the table [{_dotted(loc)}] is missing"
    meaning = f" ({field.description})" if field and field.description else ""
    return f"the key '{loc[-1]}' is missing{_in(loc[:-1])}{meaning}"


def _did_you_mean(given: object, names: list[str]) -> str:
    close = difflib.get_close_matches(str(given), names, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _name(loc: Loc) -> str:
    if not loc:
        return "the file"
    if isinstance(loc[-1], int):
        return f"item {loc[-1] + 1} of {_name(loc[:-1])}"
    return f"'{loc[-1]}'{_in(loc[:-1])}"


def _in(table: Loc) -> str:
    if not table:
        return ""
    if isinstance(table[-1], int):
        return f" in [{_dotted(table[:-1])}] number {table[-1] + 1}"
    return f" in [{_dotted(table)}]"


def _dotted(loc: Loc) -> str:
    """Keys as in a table's header; which one of an array of tables is only said where it is the last."""
    return ".".join(part for part in loc if isinstance(part, str))


def _what(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a table"
    return "a date or time"


def _field(loc: Loc, model: type[BaseModel]) -> FieldInfo | None:
    for parent in _models_at(loc[:-1], model):
        if loc[-1] in (fields := _fields(parent)):
            return fields[str(loc[-1])]
    return None


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """By the name that stands in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _models_at(loc: Loc, model: type[BaseModel]) -> list[type[BaseModel]]:
    """The models that a table at ``loc`` may be read as; several where the config leaves a choice."""
    models = [model]
    for part in loc:
        if isinstance(part, str):
            fields = [field for parent in models if (field := _fields(parent).get(part))]
            models = [below for field in fields for below in _models_in(field.annotation)]
    return models


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """All models that an annotation names: through unions, Annotated, and lists of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType, Annotated, list, tuple):
        for argument in cast("tuple[object, ...]", get_args(annotation)):
            yield from _models_in(argument)
