"""Other aircraft: how near they will come, and whom to warn."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.link import Codec, Message, mavlink
from flight.telemetry import PositionSample
from flight.traffic import FORGET_S, MOST_AIRCRAFT, Traffic, TrafficWarning, Volume
from tests.flight.scripted import framed, stamped

LAT, LON, ALT_M = -35.363262, 149.165237, 640.0
METRES_PER_DEG = 110_945.0  # of latitude, here, on the ellipsoid
EVERYTHING = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | mavlink.ADSB_FLAGS_VERTICAL_VELOCITY_VALID
GEOMETRIC = mavlink.ADSB_ALTITUDE_TYPE_GEOMETRIC
VOLUME = Volume(radius_m=2000.0, height_m=300.0, within_s=60.0)


def own(*, north_m_s: float = 0.0, east_m_s: float = 0.0, down_m_s: float = 0.0) -> PositionSample:
    return PositionSample(100.0, LAT, LON, ALT_M, 55.0, north_m_s, east_m_s, down_m_s)


def helicopter(
    *,
    north_m: float = 0.0,
    east_m: float = 0.0,
    above_m: float = 0.0,
    heading_deg: float = 0.0,
    speed_m_s: float = 0.0,
    climb_m_s: float = 0.0,
    icao: int = 0x7C1234,
    callsign: bytes = b"FIRE21",
    flags: int = EVERYTHING,
    altitude_type: int = GEOMETRIC,
    silent_s: int = 0,
) -> Message:
    lat_deg = LAT + north_m / METRES_PER_DEG
    lon_deg = LON + east_m / (111_320 * math.cos(math.radians(LAT)) * 1.00115)
    return stamped(
        mavlink.MAVLink_adsb_vehicle_message(
            icao,
            round(lat_deg * 1e7),
            round(lon_deg * 1e7),
            altitude_type,
            round((ALT_M + above_m) * 1000),
            round(heading_deg * 100),
            round(speed_m_s * 100),
            round(climb_m_s * 100),
            callsign,
            7,
            silent_s,
            flags,
            1200,
        )
    )


def warnings(*heard: Message, now_s: float = 10.0, me: PositionSample | None = None) -> list[TrafficWarning]:
    traffic = Traffic(VOLUME)
    for message in heard:
        traffic.handle(message, 10.0)
    return traffic.warnings(me or own(), now_s)


def test_one_who_comes_straight_at_us_meets_us_when_distance_over_speed_says() -> None:
    [warning] = warnings(helicopter(north_m=3000, heading_deg=180, speed_m_s=60))
    assert warning.distance_m == pytest.approx(3000, rel=1e-3)
    assert warning.bearing_deg == pytest.approx(0.0, abs=0.1)
    assert warning.cpa_in_s == pytest.approx(50, rel=1e-3)
    assert warning.cpa_distance_m < 5
    assert warning.words() == "helicopter FIRE21 3.0 km north, at this height; closest 0 m in 50 s"


def test_one_who_passes_by_comes_as_near_as_his_track() -> None:
    [warning] = warnings(helicopter(north_m=800, east_m=-2400, heading_deg=90, speed_m_s=50))
    assert warning.cpa_distance_m == pytest.approx(800, rel=2e-3)
    assert warning.cpa_in_s == pytest.approx(48, rel=2e-3)
    assert warning.bearing_deg == pytest.approx(288.4, abs=0.3)


def test_our_own_way_counts_too() -> None:
    """He hovers, and we fly at him."""
    [warning] = warnings(helicopter(east_m=2500), me=own(east_m_s=50))
    assert warning.cpa_in_s == pytest.approx(50, rel=1e-3)
    assert warning.cpa_distance_m < 5
    assert warnings(helicopter(east_m=2500, heading_deg=90, speed_m_s=50), me=own(east_m_s=50)) == []


def test_heights_are_where_they_will_be() -> None:
    [warning] = warnings(
        helicopter(north_m=3000, heading_deg=180, speed_m_s=60, above_m=700, climb_m_s=-10),
        me=own(down_m_s=-2),
    )
    assert warning.height_m == pytest.approx(700)
    assert warning.cpa_height_m == pytest.approx(700 - 12 * 50, rel=1e-2)
    assert "700 m above" in warning.words()
    assert warnings(helicopter(north_m=3000, heading_deg=180, speed_m_s=60, above_m=700)) == []


@pytest.mark.parametrize(
    ("message", "warned"),
    [
        (helicopter(north_m=1990), True),
        (helicopter(north_m=2010), False),
        (helicopter(north_m=1000, above_m=299), True),
        (helicopter(north_m=1000, above_m=301), False),
        (helicopter(north_m=1000, above_m=-299), True),
        (helicopter(north_m=4000, heading_deg=180, speed_m_s=70), True),  # closest in 57 s
        (helicopter(north_m=4400, heading_deg=180, speed_m_s=70), False),  # closest in 63 s
        (helicopter(north_m=2100, heading_deg=0, speed_m_s=70), False),  # flies away
        (helicopter(north_m=2500, east_m=-3000, heading_deg=90, speed_m_s=70), False),  # passes outside
    ],
)
def test_the_volume_is_what_was_configured(message: Message, warned: bool) -> None:
    assert bool(warnings(message)) is warned


def test_a_warning_stays_until_he_is_well_away() -> None:
    traffic = Traffic(VOLUME)
    told = []
    for second, north_m in enumerate((2100, 1900, 2100, 2400, 2600, 2400)):
        traffic.handle(helicopter(north_m=north_m), 10.0 + second)
        told.append(bool(traffic.warnings(own(), 10.0 + second)))
    assert told == [False, True, True, True, False, False]


def test_who_was_heard_a_while_ago_has_flown_on_and_is_forgotten_at_last() -> None:
    traffic = Traffic(VOLUME)
    traffic.handle(helicopter(north_m=2000, heading_deg=180, speed_m_s=50), 10.0)
    [warning] = traffic.warnings(own(), 30.0)
    assert warning.distance_m == pytest.approx(1000, rel=1e-2)
    assert traffic.warnings(own(), 10.0 + FORGET_S + 0.1) == []
    assert len(traffic._aircraft) == 0


def test_the_receivers_own_delay_is_added() -> None:
    [warning] = warnings(helicopter(north_m=2000, heading_deg=180, speed_m_s=50, silent_s=20))
    assert warning.distance_m == pytest.approx(1000, rel=1e-2)
    assert warnings(helicopter(north_m=100, silent_s=255)) == []


def test_who_tells_no_height_is_taken_to_fly_at_ours() -> None:
    """He may be anywhere: a missing height is no reason to say nothing."""
    flags = EVERYTHING & ~mavlink.ADSB_FLAGS_VALID_ALTITUDE
    message = helicopter(north_m=3000, heading_deg=180, speed_m_s=60, above_m=5000, climb_m_s=9, flags=flags)
    [warning] = warnings(message, me=own(down_m_s=-3), now_s=12.0)
    assert (warning.height_known, warning.height_m, warning.cpa_height_m) == (False, 0.0, 0.0)
    assert "height unknown" in warning.words()
    assert "height?" in warning.short()


def test_who_tells_no_place_is_left_out_and_no_speed_is_standing_still() -> None:
    assert warnings(helicopter(flags=EVERYTHING & ~mavlink.ADSB_FLAGS_VALID_COORDS)) == []
    for missing in (mavlink.ADSB_FLAGS_VALID_HEADING, mavlink.ADSB_FLAGS_VALID_VELOCITY):
        flags = EVERYTHING & ~missing
        assert warnings(helicopter(north_m=2500, heading_deg=180, speed_m_s=60, flags=flags)) == []
        [warning] = warnings(helicopter(north_m=1500, heading_deg=180, speed_m_s=60, flags=flags))
        assert warning.cpa_in_s == 0


def test_a_height_by_air_pressure_is_told_as_one() -> None:
    """Rule 36: it may be off by a hundred metres."""
    for kind, pressure in ((GEOMETRIC, False), (mavlink.ADSB_ALTITUDE_TYPE_PRESSURE_QNH, True)):
        [warning] = warnings(helicopter(north_m=900, altitude_type=kind))
        assert warning.pressure_altitude is pressure


def test_we_are_not_warned_of_ourselves() -> None:
    traffic = Traffic(VOLUME, own_icao=0x7C1234)
    traffic.handle(helicopter(), 10.0)
    assert traffic.warnings(own(), 10.0) == []


def test_the_most_urgent_comes_first() -> None:
    found = warnings(
        helicopter(icao=1, north_m=3000, heading_deg=180, speed_m_s=60),
        helicopter(icao=2, north_m=1500, heading_deg=180, speed_m_s=60),
        helicopter(icao=3, east_m=500),
    )
    assert [warning.icao for warning in found] == ["000003", "000002", "000001"]


def test_a_flood_of_aircraft_is_bounded_and_keeps_the_newest() -> None:
    traffic = Traffic(VOLUME)
    for icao in range(1, 2000):
        traffic.handle(helicopter(icao=icao, north_m=100), 10.0)
    found = traffic.warnings(own(), 10.0)
    assert len(found) == MOST_AIRCRAFT
    assert min(int(warning.icao, 16) for warning in found) == 2000 - MOST_AIRCRAFT


@pytest.mark.parametrize("callsign", [b"", b"A/B-1", b"\x1b[31mEVIL", b"ABCDEFGHI"])
def test_a_line_for_the_pilot_is_short_and_plain(callsign: bytes) -> None:
    message = helicopter(callsign=callsign, north_m=1999, above_m=-299, heading_deg=180, speed_m_s=40)
    [warning] = warnings(message)
    for line in (warning.short(), warning.words()):
        assert line.isprintable()
    assert len(warning.short().encode()) <= 50


@given(st.binary(min_size=38, max_size=38))
def test_no_report_whatever_is_in_it_breaks_the_others(payload: bytes) -> None:
    traffic = Traffic(VOLUME)
    traffic.handle(helicopter(icao=0xABCDEF, north_m=100), 10.0)
    [message] = Codec().decode(framed(payload, mavlink.MAVLINK_MSG_ID_ADSB_VEHICLE))
    traffic.handle(message, 10.0)
    found = traffic.warnings(own(), 10.0)
    assert "ABCDEF" in {warning.icao for warning in found}
    for warning in found:
        assert warning.short().isprintable()
        assert math.isfinite(warning.cpa_distance_m)
