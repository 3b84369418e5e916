"""Drones and fires as Cursor on Target."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from pyproj import Geod
from takproto import parse_proto, xml2proto

from tests.uplink.feeds.incidents import INCIDENT_ID, make_incident
from tests.uplink.makers import DRONE, HOME, NOON, make_state
from uplink.messages import DroneState
from uplink.station.feeds.cot import delete_event, drone_event, fire_event, ping_event, sensor_cone

GEOD = Geod(ellps="WGS84")


def state(**changes: Any) -> DroneState:
    return DroneState.model_validate(make_state().model_dump() | {"position": HOME} | changes)


def parsed(event: bytes | None) -> ET.Element:
    assert event is not None
    return ET.fromstring(event)


def drone(**changes: Any) -> ET.Element:
    return parsed(drone_event(state(**changes), heard=NOON, now=NOON + timedelta(seconds=3), stale_s=120))


def fire(**changes: Any) -> ET.Element:
    return parsed(fire_event(make_incident(**changes), now=NOON + timedelta(seconds=3), stale_s=120))


def at(event: ET.Element, name: str) -> datetime:
    return datetime.fromisoformat(event.attrib[name])


def part(event: ET.Element, name: str) -> dict[str, str]:
    found = event.find(name)
    assert found is not None, name
    return found.attrib


def footprint(*corners: tuple[float, float]) -> list[tuple[float, float]]:
    """Ground that the camera sees: corners as azimuth and distance from the drone."""
    return [GEOD.fwd(HOME.lon_deg, HOME.lat_deg, azimuth, metres)[:2] for azimuth, metres in corners]


def test_heights_are_above_the_ellipsoid_where_ours_are_above_the_sea() -> None:
    # EGM96 at Canberra lies 19.6 m above the ellipsoid.
    assert float(part(drone(), "point")["hae"]) == pytest.approx(584.0 + 19.6, abs=0.5)
    assert float(part(fire(), "point")["hae"]) == pytest.approx(584.0 + 19.6, abs=0.5)


def test_what_is_not_known_is_9999999() -> None:
    flat = {"lat_deg": HOME.lat_deg, "lon_deg": HOME.lon_deg}
    assert part(drone(position=flat), "point") == {
        "lat": "-35.3632620",
        "lon": "149.1652370",
        "hae": "9999999",
        "ce": "9999999",
        "le": "9999999",
    }


def test_a_drone_without_a_position_is_not_told() -> None:
    assert drone_event(state(position=None), heard=NOON, now=NOON, stale_s=120) is None


def test_a_drone_goes_stale_from_when_it_was_heard_and_not_from_when_it_is_told() -> None:
    event = drone()
    assert at(event, "time") == NOON + timedelta(seconds=3)
    assert at(event, "stale") == NOON + timedelta(seconds=120)


def test_a_drone_is_friendly_and_flies_and_a_fixed_camera_does_not() -> None:
    assert drone().attrib["type"] == "a-f-A-M-H-Q"
    assert drone(fixed=True).attrib["type"] == "a-f-G-E-S"
    assert drone().attrib["uid"] == f"emberwatch-{DRONE}"


def test_course_speed_and_battery_are_told() -> None:
    event = drone(heading_deg=90.0, ground_speed_m_s=12.5, battery_percent=61.4, name="Ember One")
    assert part(event, "detail/track") == {"course": "90.0", "speed": "12.5"}
    assert part(event, "detail/status") == {"battery": "61"}
    assert part(event, "detail/contact") == {"callsign": "Ember One"}


def test_a_blind_drone_says_so() -> None:
    event = drone(seeing="blind", blind_reason="lens covered")
    assert "BLIND: lens covered" in (event.findtext("detail/remarks") or "")


def test_the_sensor_cone_spans_the_ground_that_the_camera_sees() -> None:
    seen = footprint((350.0, 100.0), (350.0, 300.0), (30.0, 310.0), (30.0, 90.0))
    cone = sensor_cone(state(footprint=seen))
    assert cone is not None
    assert cone == pytest.approx((10.0, 40.0, 310.0), abs=0.1)
    sensor = part(drone(footprint=seen), "detail/sensor")
    assert (sensor["azimuth"], sensor["fov"], sensor["range"]) == ("10.0", "40.0", "310")


def test_a_camera_that_looks_straight_down_sees_all_around() -> None:
    seen = footprint((45.0, 60.0), (135.0, 60.0), (225.0, 60.0), (315.0, 60.0))
    cone = sensor_cone(state(footprint=seen))
    assert cone is not None
    assert cone[1:] == pytest.approx((360.0, 60.0), abs=0.1)


def test_a_drone_that_tells_no_ground_has_no_cone() -> None:
    assert drone().find("detail/sensor") is None


def test_the_error_of_a_fire_is_the_circle_of_90_percent() -> None:
    assert part(fire(), "point")["ce"] == "12.0"
    half = {"semi_major_m": 10.0, "semi_minor_m": 1.0, "orientation_deg": 0.0, "confidence": 0.5}
    assert float(part(fire(ellipse=half), "point")["ce"]) == pytest.approx(18.2, abs=0.05)


def test_a_fire_is_where_and_what_the_incident_says() -> None:
    event = fire(label="smoke", confirmed_by="Ann")
    assert event.attrib["uid"] == str(INCIDENT_ID)
    assert at(event, "start") == NOON
    assert at(event, "stale") == NOON + timedelta(seconds=123)
    assert part(event, "detail/contact")["callsign"].startswith("Smoke")
    assert "confirmed by a person" in (event.findtext("detail/remarks") or "")
    assert b"Ann" not in ET.tostring(event)


def test_a_fire_of_which_only_a_direction_is_known_is_not_told() -> None:
    assert fire_event(make_incident(position=None), now=NOON, stale_s=120) is None


def test_a_deletion_names_what_goes() -> None:
    event = parsed(delete_event("some-uid", now=NOON))
    assert event.attrib["type"] == "t-x-d-d"
    assert part(event, "detail/link")["uid"] == "some-uid"
    assert event.find("detail/__forcedelete") is not None


def test_markup_and_control_characters_in_a_name_stay_text() -> None:
    event = drone(name='<a b="c">&\x07', mode="<x>")
    assert part(event, "detail/contact")["callsign"] == '<a b="c">&'


@pytest.mark.parametrize(
    "event",
    [
        drone_event(
            state(heading_deg=1.0, ground_speed_m_s=2.0, battery_percent=3.0),
            heard=NOON,
            now=NOON,
            stale_s=60,
        ),
        fire_event(make_incident(), now=NOON, stale_s=60),
        delete_event("uid", now=NOON),
        ping_event(now=NOON),
    ],
)
def test_the_protobuf_of_tak_says_the_same(event: bytes) -> None:
    message = parse_proto(xml2proto(event.decode()))
    xml = parsed(event)
    assert (message.cotEvent.uid, message.cotEvent.type) == (xml.attrib["uid"], xml.attrib["type"])
    assert message.cotEvent.staleTime == int(at(xml, "stale").astimezone(UTC).timestamp() * 1000)
    assert message.cotEvent.ce == float(part(xml, "point")["ce"])
