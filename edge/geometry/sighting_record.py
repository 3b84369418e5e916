"""Sightings, and what they are made of, as JSON: so that they outlive the agent and can be reckoned anew.

``to_record`` turns a frozen dataclass of the agent (``Sighting``, ``Pose``, ``Camera``, ``Seen``) into plain
JSON values: an object with its fields' names and units, arrays as nested lists, times in ISO 8601.
``from_record`` turns them back into the same numbers, bit for bit. What a field is comes from its annotation,
so a field added to one of these classes is in the record by itself; one that has a default may be missing
from an older record. A record that does not fit raises ``RecordError`` and never half a sighting.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from datetime import datetime
from enum import Enum
from typing import Any, Literal, TypeVar, Union
from uuid import UUID

import numpy as np
from pydantic import BaseModel, ValidationError

from flight.errors import EmberwatchError

T = TypeVar("T")


class RecordError(EmberwatchError):
    """A record cannot be read: of another version, or damaged."""


def to_record(thing: Any) -> Any:
    """JSON values of a dataclass and all that it holds. Raises RecordError for a number that JSON has not
    (NaN, infinity) and for a kind of thing that is no plain value."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {
            field.name: to_record(getattr(thing, field.name))
            for field in dataclasses.fields(thing)
            if field.init
        }
    if isinstance(thing, BaseModel):
        return thing.model_dump(mode="json")
    if isinstance(thing, Enum):
        return thing.value
    if isinstance(thing, np.ndarray | np.generic):
        return to_record(thing.tolist())
    if isinstance(thing, list | tuple):
        return [to_record(part) for part in thing]
    if isinstance(thing, datetime):
        return thing.isoformat()
    if isinstance(thing, UUID):
        return str(thing)
    if isinstance(thing, float) and not math.isfinite(thing):
        raise RecordError(f"{thing} cannot be written into a record")
    if thing is None or isinstance(thing, bool | int | float | str):
        return thing
    raise RecordError(f"a {type(thing).__name__} cannot be written into a record")


def from_record(kind: type[T], record: Any) -> T:
    """The thing that ``to_record`` made this of. Raises RecordError with the field that does not fit."""
    read: T = _read(kind, record, kind.__name__)
    return read


def _read(kind: Any, record: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in (Union, types.UnionType):
        return _read_union(typing.get_args(kind), record, where)
    if origin is Literal:
        if record not in typing.get_args(kind):
            raise RecordError(f"{where}: {record!r} is not known here")
        return record
    if origin is tuple:
        return _read_tuple(typing.get_args(kind), record, where)
    if origin is np.ndarray:
        return _read_array(record, where)
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(kind, record, where)
    try:
        return _read_value(kind, record)
    except (ValueError, TypeError, ValidationError) as error:
        raise RecordError(f"{where}: {record!r} is no {getattr(kind, '__name__', kind)}") from error


def _read_value(kind: Any, record: Any) -> Any:
    if kind is float:
        if isinstance(record, bool) or not isinstance(record, int | float) or not math.isfinite(record):
            raise ValueError(record)
        return float(record)
    if kind in (bool, int, str):
        if type(record) is not kind:
            raise ValueError(record)
        return record
    if kind is datetime:
        return datetime.fromisoformat(record)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind.model_validate(record)
    if isinstance(kind, type) and issubclass(kind, Enum | UUID):
        return kind(record)
    raise TypeError(kind)


def _read_union(kinds: tuple[Any, ...], record: Any, where: str) -> Any:
    if record is None and type(None) in kinds:
        return None
    inner = [kind for kind in kinds if kind is not type(None)]
    for kind in inner[:-1]:
        try:
            return _read(kind, record, where)
        except RecordError:
            continue
    return _read(inner[-1], record, where)


def _read_tuple(kinds: tuple[Any, ...], record: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(record, list):
        raise RecordError(f"{where}: is no list")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(record)
    if len(record) != len(kinds):
        raise RecordError(f"{where}: {len(record)} values, where {len(kinds)} belong")
    return tuple(
        _read(kind, part, f"{where}[{i}]") for i, (kind, part) in enumerate(zip(kinds, record, strict=True))
    )


def _read_array(record: Any, where: str) -> Any:
    try:
        array = np.array(record, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise RecordError(f"{where}: is no table of numbers") from error
    if not isinstance(record, list) or not np.isfinite(array).all():
        raise RecordError(f"{where}: is no table of numbers")
    return array


def _read_dataclass(kind: Any, record: Any, where: str) -> Any:
    if not isinstance(record, dict):
        raise RecordError(f"{where}: is no object with fields")
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    unknown = sorted(record.keys() - fields.keys())
    if unknown:
        raise RecordError(f"{where}: holds {unknown[0]}, which this version does not know")
    kinds = _kinds_of(kind)
    values = {}
    for name, field in fields.items():
        if name in record:
            values[name] = _read(kinds[name], record[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise RecordError(f"{where}: {name} is missing")
    return kind(**values)


@functools.lru_cache(maxsize=64)
def _kinds_of(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)
