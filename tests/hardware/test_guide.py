"""The guide to wiring and bring-up: what it names is there, and so is where the doctor sends people."""

from __future__ import annotations

import ast
import json
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.cli import app
from flight.autopilots.ardupilot import ArduCopter
from flight.autopilots.px4 import Px4Copter
from flight.link import mavlink
from hardware.virtual.drone.parameter_defaults import DEFAULTS
from tests.reference import verbs
from tests.test_docs import anchors

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "hardware" / name for name in ("README.md", "autopilot.md", "camera.md", "time.md", "network.md")
]
DRAWINGS = sorted((ROOT / "hardware/drawings").glob("*.svg"))
PARAMETER = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`")

# What neither a firmware's own lists nor the virtual copter know, looked up where the firmware defines it.
LOOKED_UP = {
    # ArduPilot, Copter-4.6.3: `param_parse.py --vehicle ArduCopter` lists each
    "SERIAL2_PROTOCOL": "libraries/AP_SerialManager/AP_SerialManager.cpp",
    "SERIAL2_BAUD": "libraries/AP_SerialManager/AP_SerialManager.cpp",
    "SERIAL4_PROTOCOL": "libraries/AP_SerialManager/AP_SerialManager.cpp",
    "SERIAL4_BAUD": "libraries/AP_SerialManager/AP_SerialManager.cpp",
    "BRD_SER2_RTSCTS": "libraries/AP_BoardConfig/AP_BoardConfig.cpp",
    "BRD_RTC_TYPES": "libraries/AP_RTC/AP_RTC.cpp",
    "NET_ENABLE": "libraries/AP_Networking/AP_Networking.cpp",
    "NET_DHCP": "libraries/AP_Networking/AP_Networking.cpp",
    "NET_IPADDR0": "libraries/AP_Networking/AP_Networking_address.cpp",
    "NET_IPADDR3": "libraries/AP_Networking/AP_Networking_address.cpp",
    "NET_NETMASK": "libraries/AP_Networking/AP_Networking.cpp",
    "NET_P1_TYPE": "libraries/AP_Networking/AP_Networking_port.cpp",
    "NET_P1_IP0": "libraries/AP_Networking/AP_Networking_address.cpp",
    "NET_P1_IP3": "libraries/AP_Networking/AP_Networking_address.cpp",
    "NET_P1_PORT": "libraries/AP_Networking/AP_Networking_port.cpp",
    "NET_P1_PROTOCOL": "libraries/AP_Networking/AP_Networking_port.cpp",
    "MNT1_RC_RATE": "libraries/AP_Mount/AP_Mount_Params.cpp",
    "CAM1_TYPE": "libraries/AP_Camera/AP_Camera_Params.cpp",
    # PX4: docs/en/advanced_config/ethernet_setup.md, docs/en/companion_computer/pixhawk_rpi.md
    "MAV_1_MODE": "px4",
    "MAV_2_MODE": "px4",
    "MAV_2_REMOTE_PRT": "px4",
    "MAV_2_UDP_PRT": "px4",
    "MAV_2_BROADCAST": "px4",
    "SER_TEL2_BAUD": "px4",
    "SER_TEL2_PROTO": "px4",
}
NO_PARAMETERS = {"ID_MM_DEVICE_IGNORE"}


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def named_parameters() -> set[str]:
    names = {name for page in PAGES for name in PARAMETER.findall(text_of(page))}
    messages = {kind.msgname for kind in mavlink.mavlink_map.values()}
    return names - messages - NO_PARAMETERS


def known_parameters() -> set[str]:
    firmware = (ArduCopter, Px4Copter)
    listed = {name for kind in firmware for name in (*kind.safety_parameters, *kind.set_up_parameters)}
    return listed | set(DEFAULTS) | set(LOOKED_UP)


def test_every_parameter_in_the_guide_is_one_that_there_is() -> None:
    assert len(named_parameters()) > 30
    assert named_parameters() - known_parameters() == set()


def test_nothing_was_looked_up_in_vain() -> None:
    assert set(LOOKED_UP) - named_parameters() == set()


@pytest.mark.skipif(
    "ARDUPILOT_PARAMETERS" not in os.environ, reason="ARDUPILOT_PARAMETERS=/path/apm.pdef.json"
)
def test_ardupilot_has_every_parameter_that_the_guide_names() -> None:
    """Against what ArduPilot's own `Tools/autotest/param_metadata/param_parse.py` writes."""
    groups = json.loads(text_of(Path(os.environ["ARDUPILOT_PARAMETERS"])))
    real = {name.rpartition(":")[2] for group in groups.values() for name in group}
    px4 = {name for name, source in LOOKED_UP.items() if source == "px4"}
    px4 |= {*Px4Copter.safety_parameters, *Px4Copter.set_up_parameters}
    assert named_parameters() - px4 - real == set()
    assert {*ArduCopter.safety_parameters, *ArduCopter.set_up_parameters} - real == set()


def test_every_parameter_that_the_doctor_looks_at_is_explained() -> None:
    """In the table of the flight guide or of this one."""
    documents = text_of(ROOT / "flight/README.md") + "".join(map(text_of, PAGES))
    for name in (*ArduCopter.set_up_parameters, *Px4Copter.set_up_parameters, "MNT1_TYPE"):
        general = re.sub(r"^SERIAL\d", "SERIALn", re.sub(r"^MAV_\d", "MAV_n", name))
        assert f"`{name}`" in documents or f"`{general}`" in documents, name


def verbs_in_the_guide() -> set[str]:
    """Every command of the text and of the shell blocks."""
    named = [
        line for page in PAGES for line in re.findall(r"emberwatch ([a-z]+(?: [a-z-]+)?)", text_of(page))
    ]
    known = {verb.name for verb in verbs()}
    return {line if line in known else line.split()[0] for line in named} & known


def test_every_command_in_the_guide_has_help() -> None:
    named = verbs_in_the_guide()
    assert {"doctor", "preflight", "config check", "camera latency", "locate explain", "replay"} <= named
    for verb in sorted(named):
        assert CliRunner().invoke(app, [*verb.split(), "--help"]).exit_code == 0, verb


def remedies() -> set[str]:
    """Every page of the documents that the doctor's own words name."""
    named = set()
    for path in (ROOT / "edge/doctor").glob("*.py"):
        for node in ast.walk(ast.parse(text_of(path))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named |= set(re.findall(r"(?:hardware|flight|uplink)/[\w/]*\.md(?:#[\w-]+)?", node.value))
    return named


def test_the_doctor_sends_people_to_pages_that_there_are() -> None:
    assert len(remedies()) > 8
    for target in remedies():
        file, _, anchor = target.partition("#")
        assert (ROOT / file).is_file(), target
        assert not anchor or anchor in anchors(ROOT / file), target


def test_the_doctor_names_scripts_that_there_are() -> None:
    words = "".join(text_of(path) for path in (ROOT / "edge/doctor").glob("*.py"))
    for script in set(re.findall(r"hardware/[\w/]+\.sh", words)):
        assert (ROOT / script).is_file()


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.name)
def test_a_drawing_can_be_read_in_light_and_dark_and_says_what_it_shows(path: Path) -> None:
    root = ET.fromstring(text_of(path))
    space = {"svg": "http://www.w3.org/2000/svg"}
    assert root.find("svg:title", space) is not None
    assert root.find("svg:desc", space) is not None
    style = root.findtext("svg:style", namespaces=space) or ""
    assert "prefers-color-scheme: dark" in style
    light, dark = style.split("@media")
    for name in re.findall(r"\.([\w-]+)", dark.split("dark)")[1]):
        assert f".{name}" in light, name
    colours = {element.get(name) for element in root.iter() for name in ("fill", "stroke")}
    assert colours <= {None, "none"}, "colours come from the style, which knows the dark"


def test_every_drawing_stands_in_a_page() -> None:
    pages = "".join(map(text_of, PAGES))
    assert [path.name for path in DRAWINGS if f"(drawings/{path.name})" not in pages] == []
    assert len(DRAWINGS) == 3


def test_the_guide_says_what_was_not_tried() -> None:
    front = text_of(PAGES[0])
    assert "None of it was tried on hardware here" in front
    assert "never flown" in front
