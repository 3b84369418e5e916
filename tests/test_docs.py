"""The documents say what the code does: every field, verb, option, route, event and kind of order is in them,
and every command, file and link that they name is there."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest

import uplink.messages.alert
import uplink.messages.drone
import uplink.messages.order
from edge.config.file import load_config
from edge.geometry.landmark_file import LandmarkFile
from edge.geometry.lens_profile import ModeTable, Profile
from edge.patrols.load import load_patrol
from flight.autopilots.ardupilot import ArduCopter
from flight.autopilots.px4 import Px4Copter
from models.make.cli import app as model_verbs
from tests.reference import ROOT, TABLES, Verb, hidden_paths, verbs, with_table
from uplink import ground
from uplink.live_view import words
from uplink.messages import Message, OrderKind, OrderState
from uplink.station.answers import OrderFate
from uplink.station.events import WebhookEvent
from uplink.station.live import Kind
from uplink.station.store.deeds import DeedName

DOCUMENTS = [
    path
    for path in sorted(ROOT.rglob("*.md"))
    if not {"node_modules", ".venv", "dist", "runs"} & set(path.relative_to(ROOT).parts)
]
PROFILES = sorted((ROOT / "hardware/profiles").glob("*.toml"))
SHIPPED = ("edge", "flight", "hardware", "models", "uplink")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def fenced(kind: str) -> list[tuple[str, str]]:
    """Every block of this kind in the documents, with the document it stands in."""
    return [
        (named(path), body)
        for path in DOCUMENTS
        for found, body in FENCE.findall(path.read_text(encoding="utf-8"))
        if found == kind
    ]


def logged_events() -> list[str]:
    """The names that log lines have for collectors: `extra={"event": …}`."""
    names = set()
    for path in (path for part in SHIPPED for path in sorted((ROOT / part).rglob("*.py"))):
        source = path.read_bytes()
        if "node_modules" in path.parts or b'"event"' not in source:  # few have one: to parse takes its time
            continue
        for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Dict)):
            names |= {
                ast.literal_eval(value)
                for key, value in zip(call.keys, call.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "event" and isinstance(value, ast.Constant)
            }
    return sorted(names)


# --- what the code has is in the documents ------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_a_reference_table_is_what_the_code_says(name: str) -> None:
    """Fields of the configuration and of patrol files, verbs and options, routes."""
    path, make = TABLES[name]
    document = path.read_text(encoding="utf-8")
    assert document == with_table(document, name, make()), "run: python -m tests.reference"


def test_every_kind_of_message_is_in_their_reference() -> None:
    kinds = {
        each.__name__
        for module in (uplink.messages.alert, uplink.messages.drone, uplink.messages.order, ground, words)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Message) and each.__module__ == module.__name__
    }
    told = set(re.findall(r"^### `(\w+)`$", text_of("uplink/messages/README.md"), re.MULTILINE))
    assert kinds - told == set()


def test_a_route_that_the_interface_does_not_describe_is_explained() -> None:
    document = text_of("uplink/README.md")
    assert [path for path in hidden_paths() if f"`{path.rstrip('/')}`" not in document] == []


def test_every_field_of_a_camera_profile_is_explained() -> None:
    document = text_of("hardware/cameras/README.md")
    fields = [*Profile.model_fields, *ModeTable.model_fields]
    assert [field for field in fields if not re.search(rf"`[^`]*\b{field}\b[^`]*`", document)] == []


def test_every_verb_that_makes_detectors_is_in_their_document() -> None:
    names = [one.name or one.callback.__name__ for one in model_verbs.registered_commands if one.callback]
    missing = [name for name in names if f"emberwatch model {name}" not in text_of("models/README.md")]
    assert missing == []


def test_every_order_and_what_can_become_of_it_is_explained() -> None:
    document = text_of("uplink/README.md")
    said = [*OrderKind, *OrderState, *OrderFate]
    assert [word.value for word in said if f"`{word.value}`" not in document] == []


@pytest.mark.parametrize(
    ("events", "heading"),
    [
        (get_args(WebhookEvent.model_fields["type"].annotation), "## Webhooks"),
        ((*get_args(Kind), "snapshot"), "## Interface"),
        (get_args(DeedName), "## Who may do what"),
        (logged_events(), "## Looking after a station"),
    ],
    ids=["webhooks", "live socket", "audit log", "log"],
)
def test_every_event_is_explained(events: Sequence[str], heading: str) -> None:
    """Under its heading: the same word may stand elsewhere for something else."""
    _, _, rest = text_of("uplink/README.md").partition(f"\n{heading}\n")
    part, _, _ = rest.partition("\n## ")
    assert events
    assert [event for event in events if f"`{event}`" not in part] == []


def test_every_parameter_that_preflight_looks_at_is_explained() -> None:
    document = text_of("flight/README.md")
    parameters = [*ArduCopter.safety_parameters, *Px4Copter.safety_parameters]
    assert [name for name in parameters if f"`{name}`" not in document] == []


def test_px4_says_that_it_has_not_flown() -> None:
    for name in ("README.md", "flight/README.md"):
        assert re.search(r"PX4[^|.]*(has|have|it has) (not|never) flown", " ".join(text_of(name).split())), (
            name
        )


def test_every_marker_of_the_tests_is_explained() -> None:
    markers = tomllib.loads(text_of("pyproject.toml"))["tool"]["pytest"]["ini_options"]["markers"]
    document = text_of("CONTRIBUTING.md")
    assert [line for line in markers if f"| `{line.partition(':')[0]}` |" not in document] == []


# --- what the documents have is there -----------------------------------------------------------------


def commands_in_documents() -> list[tuple[str, str]]:
    """Every `emberwatch …` of a shell block or a profile's comments."""
    blocks = [*fenced("sh"), *((named(path), path.read_text(encoding="utf-8")) for path in PROFILES)]
    return [
        (name, line.strip())
        for name, body in blocks
        for line in re.findall(
            r"^(?:#\s+)?(?:\.venv/bin/)?(emberwatch [^#\n]*)", body.replace("\\\n", " "), re.MULTILINE
        )
    ]


def verb_of(words: list[str]) -> tuple[Verb, list[str]] | None:
    """The verb that a command line names, and what follows it."""
    known = {verb.name: verb for verb in verbs()}
    for length in (3, 2, 1):
        name = " ".join(words[:length])
        if name in known:
            return known[name], words[length:]
    return None


@pytest.mark.parametrize(("name", "line"), commands_in_documents())
def test_a_command_in_a_document_is_one_that_there_is(name: str, line: str) -> None:
    typed = shlex.split(line)[1:]
    if typed[0] == "model":
        return
    found = verb_of(typed)
    assert found is not None, line
    verb, rest = found
    options = {option for word in verb.words for option in word.names if option.startswith("-")}
    assert {word for word in rest if word.startswith("-")} <= options, line
    takes_value = {option for word in verb.words if word.metavar for option in word.names}
    needed = [word for word in verb.words if word.default == "**needed**"]
    given = [
        word
        for before, word in zip(["", *rest], rest, strict=False)
        if not word.startswith("-") and before not in takes_value
    ]
    for word in needed:
        assert given if word.is_argument else set(word.names) & set(rest), f"{line}: {word.names[0]}"


def test_the_commands_were_found() -> None:
    """The test above compares nothing where the pattern finds nothing."""
    assert len(commands_in_documents()) > 20


@pytest.mark.parametrize(("name", "body"), fenced("sh"))
def test_what_make_and_python_are_told_to_run_is_there(name: str, body: str) -> None:
    targets = re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE)
    assert set(re.findall(r"^(?:\w+=\S+ )*make ([a-z]+)", body, re.MULTILINE)) <= set(targets)
    for module in re.findall(r"python -m (tests[.\w]*)", body):
        assert importlib.util.find_spec(module), module


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_a_link_leads_somewhere(path: Path) -> None:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        place = (path.parent / file).resolve() if file else path
        if not place.exists() or (anchor and anchor not in anchors(place)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_a_file_that_a_document_names_is_there(path: Path) -> None:
    files = re.findall(
        rf"`((?:{'|'.join((*SHIPPED, 'tests'))})/[\w/.*-]+)`", path.read_text(encoding="utf-8")
    )
    assert [file for file in files if not list(ROOT.glob(file))] == []


def anchors(path: Path) -> set[str]:
    """As they are made from headings."""
    heads = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize(("name", "body"), fenced("toml"))
def test_a_table_in_a_document_is_toml_with_fields_that_there_are(name: str, body: str) -> None:
    tables = tomllib.loads(body)
    if "landmarks" in tables:
        assert LandmarkFile.model_validate(tables).landmarks
        return
    config = text_of("hardware/profiles/README.md")
    for path, fields in flat(tables):
        for field in fields:
            assert f"| `{field}` |" in section(config, path), f"{name}: {path}.{field}"


def flat(table: dict[str, object], path: str = "") -> list[tuple[str, list[str]]]:
    """Every table with its path and its plain fields."""
    inner = {key: value for key, value in table.items() if isinstance(value, (dict, list))}
    parts = [(path, [key for key in table if key not in inner or inner[key] == [] or is_plain(inner[key])])]
    for key, value in inner.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                parts += flat(one, f"{path}.{key}".strip("."))
    return [part for part in parts if part[0]]


def is_plain(value: object) -> bool:
    return isinstance(value, list) and not any(isinstance(one, dict) for one in value)


def section(document: str, name: str) -> str:
    """Of the reference, one table."""
    found = re.search(
        rf"^### `\[+{re.escape(name)}\]+`$(.*?)(?=^### |\Z)", document, re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"there is no [{name}]"
    return found.group(1)


# --- the ready-made files -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", PROFILES, ids=named)
def test_a_ready_made_file_can_be_used(path: Path) -> None:
    if "patrol" in path.stem:
        assert load_patrol(path, None).flights
        return
    config = load_config(path)
    assert (config.agent is None) != (config.station is None)
    if config.agent is not None and config.agent.patrol.file is not None:
        assert load_patrol(config.agent.patrol.file, None).flights


def test_the_companion_profile_shows_every_section_and_its_comments_are_true() -> None:
    """What stands behind a # is a line that may stand there."""
    text = text_of("hardware/profiles/companion.toml")
    body = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    config = text_of("hardware/profiles/README.md")
    agent = tomllib.loads(body)["agent"]
    shown = {path for path, _ in flat({"agent": agent})}
    sections = set(re.findall(r"^### `\[(agent[.\w]*)\]`$", config, re.MULTILINE))
    elsewhere = {"agent.virtual", "agent.fixed", "agent.thermal"}
    where = "virtual hardware is in sitl.toml, a fixed camera in mast.toml, a thermal one in thermal.toml"
    assert sections - shown == elsewhere, where
    for path, fields in flat({"agent": agent}):
        for field in fields:
            assert f"| `{field}` |" in section(config, path)


def test_the_simulator_needs_nothing_but_what_its_profile_says() -> None:
    """Agent, drone and station of the simulator fit together as they are."""
    agent = load_config(ROOT / "hardware/profiles/sitl.toml").agent
    station = load_config(ROOT / "hardware/profiles/station.toml").station
    assert agent is not None
    assert station is not None
    virtual = {
        word.names[0]: word.default.strip("`")
        for verb in verbs()
        if verb.name == "virtual"
        for word in verb.words
    }
    assert [agent.drone.id] == [drone.id for drone in station.drones]
    assert agent.uplink.key_file == station.drones[0].key_file
    assert agent.uplink.station_url == f"http://{station.host}:{station.port}"
    assert agent.mavlink.url == virtual["--out"].replace("udpout", "udpin")
    assert agent.virtual.seed == int(virtual["--seed"])
    assert agent.data_dir != station.data_dir
