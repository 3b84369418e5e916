"""What the station remembers of its drones between two saves."""

from __future__ import annotations

import logging

import pytest

from uplink.station.fleet import SILENT_S, TRACK_POINTS, Fleet, Track
from uplink.station.store.fleet import SavedFleet

from .makers import DRONE, HOME, make_state


def test_a_track_keeps_the_last_points() -> None:
    track = Track()
    for step in range(TRACK_POINTS + 5):
        track.add((149.0, -35.0 + step * 1e-4))
    assert len(track.points) == TRACK_POINTS
    assert track.points[0] == (149.0, -35.0 + 5 * 1e-4)
    assert (track.first_number, track.next_number) == (5, TRACK_POINTS + 5)


def test_a_track_goes_on_across_the_date_line() -> None:
    track = Track()
    track.add((179.999999, 0.0))
    track.add((-179.999999, 0.0))
    assert len(track.points) == 1, "22 cm, not a trip round the world"


def test_only_what_is_new_is_saved_and_what_could_not_be_saved_is_new_still() -> None:
    fleet = Fleet(SavedFleet([make_state()], [], {DRONE: (7, [(HOME.lon_deg, HOME.lat_deg)])}))
    assert fleet.take_changes() == []
    fleet.put_state(make_state(lat_deg=-35.0), 0.0)
    (first,) = fleet.take_changes()
    assert (first.first_number, first.points, first.oldest_kept) == (8, [(HOME.lon_deg, -35.0)], 7)
    assert fleet.take_changes() == []
    fleet.put_back([first])
    fleet.put_state(make_state(lat_deg=-34.0), 0.5)
    (second,) = fleet.take_changes()
    assert (second.first_number, len(second.points)) == (8, 2)


def test_the_log_tells_when_a_drone_is_heard_first_and_after_a_long_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "uplink.station.fleet")
    fleet = Fleet(SavedFleet([make_state()], [], {}))
    for now_s in (10.0, 10.5, 10.5 + SILENT_S, 200.0):
        fleet.put_state(make_state(), now_s)
    assert caplog.messages == [f"drone {DRONE} is heard", f"drone {DRONE} is heard again after 130 s"]
