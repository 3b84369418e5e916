"""Writes a patrol file in TOML, as people would: what is as usual is left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Any

from flight.plans.patrol_file import PatrolFile


def to_toml(patrol: PatrolFile) -> str:
    """The text of a file that reads as this patrol."""
    said = patrol.model_dump(exclude_defaults=True)
    tables = {name: value for name, value in said.items() if isinstance(value, Mapping)}
    lines = [f"{name} = {_value(value)}" for name, value in said.items() if name not in tables]
    for name, table in tables.items():
        lines += ["", f"[{name}]"]
        lines += [f"{key} = {_value(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case time():
            return value.isoformat()
        case str() | Path():
            return _text(str(value))
        case list() | tuple():
            return "[" + ", ".join(_value(each) for each in value) + "]"
        case Mapping():
            return "{ " + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + " }"
        case _:
            return repr(value)


def _text(text: str) -> str:
    """A basic string: JSON's escapes are TOML's, but for the delete sign, which JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
