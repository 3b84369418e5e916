"""The largest message that a model allows, so that bounds on size hold for fields that are yet to come."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin
from uuid import UUID

from annotated_types import Ge, Gt, Le, Lt, MaxLen
from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)

LONG_FLOAT = 0.12345678901234567  # no float between 0 and 1 is much longer in JSON
LONG_INTEGER = 2**63 - 1  # what the database takes
LIST_WITHOUT_BOUND = 300  # drones of one incident, say


def largest(model: type[M]) -> M:
    """Every field filled, every text and list as long as it may be. A control character takes six bytes."""
    fields = model.model_fields
    return model.model_validate(
        {name: _value(field.annotation, list(field.metadata)) for name, field in fields.items()}
    )


def _value(annotation: Any, rules: list[Any]) -> Any:
    origin, parts = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        inner = [rule for one in annotation.__metadata__ for rule in getattr(one, "metadata", [one])]
        return _value(annotation.__origin__, [*rules, *inner])
    if origin in (Union, UnionType):
        return max(
            (_value(part, rules) for part in parts if part is not NoneType), key=lambda one: len(str(one))
        )
    if origin is Literal:
        return max(parts, key=lambda one: len(str(one)))
    if origin is list:
        return [_value(parts[0], [])] * _bound(rules, MaxLen, LIST_WITHOUT_BOUND)
    if origin is tuple:
        return tuple(_value(part, []) for part in parts)
    return _plain(annotation, rules)


def _plain(kind: type[Any], rules: list[Any]) -> Any:
    if issubclass(kind, BaseModel):
        return largest(kind)
    if issubclass(kind, Enum):
        return max(kind, key=lambda one: len(str(one.value)))
    if kind is str:
        pattern = next((rule.pattern for rule in rules if getattr(rule, "pattern", None)), None)
        if pattern is not None:
            return {"^[0-9a-f]{64}$": "f" * 64, "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$": "d" * 64}[pattern]
        return "\x01" * _bound(rules, MaxLen, 200)
    if kind is float:
        bounded = any(isinstance(rule, (Le, Lt, Ge, Gt)) for rule in rules)
        return LONG_FLOAT if bounded else -1.2345678901234567e-300
    return {
        int: LONG_INTEGER,
        bool: False,
        UUID: UUID(int=2**128 - 1),
        datetime: datetime(2026, 7, 1, 12, 34, 56, 789_123, UTC),
    }[kind]


def _bound(rules: list[Any], kind: type[MaxLen], otherwise: int) -> int:
    return next((rule.max_length for rule in rules if isinstance(rule, kind)), otherwise)
