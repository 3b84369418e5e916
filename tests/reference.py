"""The reference tables in the documents, made from the code so that they cannot drift.

``python -m tests.reference`` writes each between its markers; ``tests/test_docs.py`` compares.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pkgutil
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import typer
from annotated_types import Ge, Gt, Le, Lt
from fastapi import APIRouter
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from starlette.routing import BaseRoute, Route, WebSocketRoute

from edge.cli import app as command_line
from edge.config.file import AgentConfig
from flight.plans.patrol_file import PatrolFile
from uplink.ground import DroneGround, SearchedGround
from uplink.live_view.words import ViewAsked, ViewFrame, ViewSaid
from uplink.messages import Alert, DroneState, Order, PatrolRoute, StationWord
from uplink.station import routes
from uplink.station.answers import Delivery, Snapshot
from uplink.station.app import API, create_app
from uplink.station.config import StationConfig
from uplink.station.events import WebhookEvent

ROOT = Path(__file__).parents[1]


# --- configuration ------------------------------------------------------------------------------------


def config_reference() -> str:
    """Every field of both halves of the configuration, a table for each section."""
    return "\n".join([*_sections("agent", AgentConfig), *_sections("station", StationConfig)])


def patrol_reference() -> str:
    """Every field of a patrol file, and of the tables in it."""
    lines = _table(PatrolFile, set())
    for name, info in PatrolFile.model_fields.items():
        part = _model_in(info.annotation)
        if part is not None:
            lines += ["", f"A table in `{name}`. {_first_line(part)}", "", *_table(part, set())]
    return "\n".join(lines)


def _sections(name: str, model: type[BaseModel], *, many: bool = False) -> Iterator[str]:
    head = f"[[{name}]]" if many else f"[{name}]"
    inner = {
        field: part for field, info in model.model_fields.items() if (part := _model_in(info.annotation))
    }
    yield f"### `{head}`"
    yield ""
    yield _first_line(model)
    yield ""
    yield from _table(model, set(inner))
    yield ""
    for field, part in inner.items():
        is_list = get_origin(model.model_fields[field].annotation) is list
        yield from _sections(f"{name}.{field}", part, many=is_list)


def _table(model: type[BaseModel], leave_out: set[str]) -> list[str]:
    rows = [
        f"| `{name}` | {_default(info)} | {_meaning(info)} |"
        for name, info in model.model_fields.items()
        if name not in leave_out
    ]
    return ["| field | default | what it is |", "|---|---|---|", *rows] if rows else []


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "**needed**"
    value = info.get_default(call_default_factory=True)
    if value is None or value == [] or value == "":
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`"


def _meaning(info: FieldInfo) -> str:
    assert info.description, "every field is described"
    words = [re.sub(r"(?<!`)\|", r"\\|", info.description), _bounds(info)]
    choices = [f'`"{choice}"`' for kind in _kinds(info.annotation) for choice in _choices(kind)]
    if choices:
        words.append("one of " + ", ".join(choices))
    return "; ".join(filter(None, words))


def _bounds(info: FieldInfo) -> str:
    found: dict[type, Any] = {type(rule): rule for rule in info.metadata}
    if Ge in found and Le in found:
        return f"{found[Ge].ge:g} to {found[Le].le:g}"
    words = (
        f"{found[Ge].ge:g} or more" if Ge in found else "",
        f"more than {found[Gt].gt:g}" if Gt in found else "",
        f"at most {found[Le].le:g}" if Le in found else "",
        f"less than {found[Lt].lt:g}" if Lt in found else "",
    )
    return ", ".join(filter(None, words))


def _kinds(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _choices(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The section that a field holds, by itself, in a list, or beside plain values."""
    found = list(_models_in(annotation))
    assert len(found) <= 1, "a field of the configuration holds one kind of table"
    return found[0] if found else None


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _models_in(each)


def _first_line(thing: Any) -> str:
    return (thing.__doc__ or "").strip().partition("\n\n")[0].replace("\n", " ").replace("    ", "")


# --- command line -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """An argument or an option of a verb. ``names`` as they are typed: ``FILE``, or ``--out`` and ``-o``."""

    names: tuple[str, ...]
    metavar: str
    default: str
    help: str

    @property
    def is_argument(self) -> bool:
        return not self.names[0].startswith("-")


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb of the command line, as in ``patrol check``."""

    name: str
    help: str
    words: tuple[Word, ...]


def verbs() -> list[Verb]:
    """Every verb but those that make detectors, which models/README.md is about."""
    return _verbs_of(command_line, "")


def _verbs_of(app: typer.Typer, path: str) -> list[Verb]:
    found = [_verb(path, command) for command in app.registered_commands]
    for group in app.registered_groups:
        if group.typer_instance is not None and group.name is not None:
            itself = group.typer_instance.registered_callback
            if itself is not None:
                found.append(_verb(path, itself))
            found += _verbs_of(group.typer_instance, f"{path} {group.name}".strip())
    return found


def _verb(group: str, command: Any) -> Verb:
    callback = command.callback
    hints = get_type_hints(callback, include_extras=True)
    given = command.name if isinstance(command.name, str) else None
    name = given or callback.__name__.replace("_", "-")
    words = [
        _word(each, hints[each.name])
        for each in inspect.signature(callback).parameters.values()
        if each.annotation != "typer.Context"
    ]
    return Verb(f"{group} {name}".strip(), " ".join((callback.__doc__ or "").split()), tuple(words))


def _word(parameter: inspect.Parameter, hint: Any) -> Word:
    kind, info = get_args(hint)[:2]
    names: tuple[str, ...]
    # As Typer reads them: a string given first to Option is its first name.
    declared = [one for one in (info.default, *(info.param_decls or ())) if isinstance(one, str) and one]
    if type(info).__name__ == "ArgumentInfo":
        names = (info.metavar or parameter.name.upper(),)
        metavar = ""
    else:
        names = tuple(part for one in declared for part in one.split("/")) or (
            "--" + parameter.name.replace("_", "-"),
        )
        is_flag = kind is bool
        metavar = "" if is_flag else info.metavar or _metavar(kind)
        if is_flag and not declared:
            names = (*names, "--no-" + names[0].removeprefix("--"))
    value = parameter.default
    default = "**needed**" if value is inspect.Parameter.empty else "–"
    if value is not inspect.Parameter.empty and value is not None and value is not False:
        default = f"`{'yes' if value is True else value}`"
    return Word(names, metavar, default, info.help or "")


def _metavar(kind: Any) -> str:
    names = [one.__name__ for one in _kinds(kind) if isinstance(one, type) and one is not type(None)]
    return {"int": "NUMBER", "float": "NUMBER", "str": "TEXT", "Path": "FILE"}.get(
        names[0] if names else "", "TEXT"
    )


def command_reference() -> str:
    """Every verb with its arguments and options."""
    lines: list[str] = []
    for verb in verbs():
        arguments = [word.names[0] for word in verb.words if word.is_argument]
        lines += [f"### `{' '.join(['emberwatch', verb.name, *arguments])}`", "", verb.help, ""]
        rows = [
            f"| {', '.join(f'`{name}`' for name in word.names)}{' ' + word.metavar if word.metavar else ''} "
            f"| {word.default} | {word.help} |"
            for word in verb.words
        ]
        lines += ["| | default | |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


# --- the station's interface --------------------------------------------------------------------------


def api_routes() -> list[tuple[str, str, str]]:
    """Method, path and one line of every route, the sockets too."""

    async def described() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            app = create_app(StationConfig(data_dir=Path(folder), sign_in=False), page_dir=Path(folder))
            async with app.router.lifespan_context(app):
                return app.openapi()

    found = [
        (method.upper(), path, said.get("description", "").partition("\n\n")[0].replace("\n", " "))
        for path, methods in asyncio.run(described())["paths"].items()
        for method, said in methods.items()
    ]
    sockets = [
        ("WebSocket", API + route.path, _first_line(route.endpoint))
        for route in _declared()
        if isinstance(route, WebSocketRoute)
    ]
    return [*found, *sockets]


def hidden_paths() -> list[str]:
    """Of the routes that the description of the interface leaves out."""
    return [route.path for route in _declared() if isinstance(route, Route) and not route.include_in_schema]


def _declared() -> Iterator[BaseRoute]:
    for found in pkgutil.iter_modules(routes.__path__):
        module = importlib.import_module(f"{routes.__name__}.{found.name}")
        for router in (each for each in vars(module).values() if isinstance(each, APIRouter)):
            yield from router.routes


def api_reference() -> str:
    """The routes as a table."""
    rows = [f"| {method} | `{path}` | {words} |" for method, path, words in api_routes()]
    return "\n".join(["| | path | |", "|---|---|---|", *rows])


# --- messages -----------------------------------------------------------------------------------------

SPOKEN: dict[str, tuple[type[BaseModel], ...]] = {
    "Alerts": (Alert,),
    "What drones say and hear": (DroneState, StationWord, Order, PatrolRoute, DroneGround, SearchedGround),
    "The live view": (ViewFrame, ViewSaid, ViewAsked),
    "Pages": (Snapshot, Delivery),
    "Webhooks": (WebhookEvent,),
}


def message_reference() -> str:
    """Every field of every message and of what is in it, each kind of thing where it is first spoken of."""
    lines: list[str] = []
    told: set[type[BaseModel]] = set()
    for heading, models in SPOKEN.items():
        lines += [f"## {heading}", ""]
        for model in (part for root in models for part in _with_parts(root, told)):
            rows = [f"| `{name}` | {_said(info)} |" for name, info in model.model_fields.items()]
            lines += [f"### `{model.__name__}`", "", _first_line(model), ""]
            lines += ["| field | |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _with_parts(model: type[BaseModel], told: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    if model in told:
        return
    told.add(model)
    yield model
    for info in model.model_fields.values():
        for part in _models_in(info.annotation):
            yield from _with_parts(part, told)


def _said(info: FieldInfo) -> str:
    kinds = [kind for kind in _kinds(info.annotation) if kind is not type(None)]
    parts = [f"[`{part.__name__}`](#{part.__name__.lower()})" for part in _models_in(info.annotation)]
    words = [info.description or "", " or ".join(parts)]
    choices = [f"`{choice}`" for kind in kinds for choice in _words_of(kind)]
    if choices:
        words.append(("" if len(choices) == 1 else "one of ") + ", ".join(choices))
    if type(None) in _kinds(info.annotation):
        words.append("may be null")
    return "; ".join(filter(None, words))


def _words_of(kind: Any) -> tuple[Any, ...]:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return tuple(kind)
    return _choices(kind)


# --- the documents ------------------------------------------------------------------------------------

TABLES: dict[str, tuple[Path, Callable[[], str]]] = {
    "config": (ROOT / "hardware/profiles/README.md", config_reference),
    "patrol file": (ROOT / "flight/README.md", patrol_reference),
    "command line": (ROOT / "edge/README.md", command_reference),
    "messages": (ROOT / "uplink/messages/README.md", message_reference),
    "interface": (ROOT / "uplink/README.md", api_reference),
}


def with_table(document: str, name: str, table: str) -> str:
    """The document with what is between the markers of this name replaced."""
    start, end = f"<!-- made by tests/reference.py: {name} -->", f"<!-- end of {name} -->"
    before, found, rest = document.partition(start)
    _, found_end, after = rest.partition(end)
    assert found, f"the markers of {name} are missing"
    assert found_end, f"the markers of {name} have no end"
    return f"{before}{start}\n{table.strip()}\n{end}{after}"


def write() -> None:
    """Bring every document up to date."""
    for name, (path, make) in TABLES.items():
        path.write_text(with_table(path.read_text(encoding="utf-8"), name, make()), encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}: {name}\n")


if __name__ == "__main__":
    write()
