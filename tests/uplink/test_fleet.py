"""What the station remembers of its drones between two saves."""

from __future__ import annotations

import logging

import pytest

from uplink.messages import DroneState
from uplink.station.fleet import SAMPLES_WAITING, SILENT_S, TRACK_POINTS, Fleet, History, Track
from uplink.station.store.fleet import SavedFleet

from .flight_makers import degraded
from .makers import DRONE, HOME, make_state


def test_a_track_keeps_the_last_points() -> None:
    track = Track()
    for step in range(TRACK_POINTS + 5):
        track.add((149.0, -35.0 + step * 1e-4))
    assert len(track) == len(track.latest(2 * TRACK_POINTS)) == TRACK_POINTS
    assert track.latest(TRACK_POINTS)[0] == (149.0, -35.0 + 5 * 1e-4)
    assert track.latest(1) == [(149.0, -35.0 + (TRACK_POINTS + 4) * 1e-4)]
    assert track.latest(0) == []
    assert (track.first_number, track.next_number) == (5, TRACK_POINTS + 5)


def test_a_track_goes_on_across_the_date_line() -> None:
    track = Track()
    track.add((179.999999, 0.0))
    track.add((-179.999999, 0.0))
    assert len(track) == 1, "22 cm, not a trip round the world"


def test_only_what_is_new_is_saved_and_what_could_not_be_saved_is_new_still() -> None:
    fleet = Fleet(SavedFleet([make_state()], [], {DRONE: (7, [(HOME.lon_deg, HOME.lat_deg)])}))
    assert fleet.take_changes() == []
    fleet.put_state(make_state(lat_deg=-35.0), 0.0, 1000.0)
    (first,) = fleet.take_changes()
    assert (first.first_number, first.points, first.oldest_kept) == (8, [(HOME.lon_deg, -35.0)], 7)
    assert [one.state.position.lat_deg for one in first.samples if one.state.position] == [-35.0]
    assert fleet.take_changes() == []
    fleet.put_back([first])
    fleet.put_state(make_state(lat_deg=-34.0), 2.5, 1002.5)
    (second,) = fleet.take_changes()
    assert (second.first_number, second.points) == (8, [(HOME.lon_deg, -35.0), (HOME.lon_deg, -34.0)])
    assert [one.heard_at_s for one in second.samples] == [1000.0, 1002.5]


def test_the_log_tells_when_a_drone_is_heard_first_and_after_a_long_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "uplink.station.fleet")
    fleet = Fleet(SavedFleet([make_state()], [], {}))
    for now_s in (10.0, 10.5, 10.5 + SILENT_S, 200.0):
        fleet.put_state(make_state(), now_s, 0.0)
    assert caplog.messages == [f"drone {DRONE} is heard", f"drone {DRONE} is heard again after 130 s"]


def test_of_all_tracks_together_only_so_many_points_are_shown_and_of_each_the_latest() -> None:
    fleet = Fleet(SavedFleet([], [], {}))
    for step in range(10):
        for drone_id in ("a", "b"):
            fleet.put_state(make_state(drone_id, lat_deg=step * 0.01), step, 0.0)
    shown = fleet.latest_tracks(6)
    assert {drone_id: [lat for _, lat in points] for drone_id, points in shown.items()} == {
        "a": [0.07, 0.08, 0.09],
        "b": [0.07, 0.08, 0.09],
    }


def kept(*told: tuple[float, DroneState]) -> list[float]:
    """The times of those that the history keeps."""
    history = History()
    for now_s, state in told:
        history.add(state, now_s, now_s)
    return [sample.heard_at_s for sample in history.waiting]


def at_m(metres: float, **change: object) -> DroneState:
    return make_state(lat_deg=HOME.lat_deg + metres / 111_195).model_copy(update=change)


def test_of_a_drone_that_flies_a_state_is_kept_every_few_seconds_and_metres() -> None:
    fast = [(step * 0.2, at_m(step * 3.0)) for step in range(100)]  # 15 m/s, five times a second
    assert kept(*fast) == pytest.approx([step * 2.0 for step in range(10)])
    slow = [(step * 1.0, at_m(step * 2.5)) for step in range(33)]
    assert kept(*slow) == [0.0, 8.0, 16.0, 24.0, 32.0]
    still = [(step * 1.0, at_m(0.0)) for step in range(181)]
    assert kept(*still) == [0.0, 60.0, 120.0, 180.0]


def test_what_a_replay_has_to_show_is_kept_of_a_drone_that_stays_where_it_is() -> None:
    turning = [(step * 1.0, at_m(0.0, heading_deg=(350.0 + step * 5.0) % 360)) for step in range(9)]
    assert kept(*turning) == [0.0, 4.0, 8.0]
    ring = [(149.1, -35.1), (149.2, -35.1), (149.2, -35.2)]
    gimbal = [
        (step * 1.0, at_m(0.0, footprint=[(lon, lat + step * 1e-4) for lon, lat in ring]))
        for step in range(9)
    ]
    assert kept(*gimbal) == [0.0, 4.0, 8.0], "11 m each second"
    hovering = [(step * 1.0, at_m(0.0, armed=True)) for step in range(31)]
    assert kept(*hovering) == [0.0, 10.0, 20.0, 30.0]


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "RTL"},
        {"armed": True},
        {"seeing": "blind"},
        {"degraded": [degraded("hot")]},
        {"control": "granted"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_turn_in_what_a_drone_does_is_kept_at_once(change: dict[str, object]) -> None:
    as_before = {"mode": "AUTO", "armed": False, "seeing": "seeing", "control": "hands off"}
    told = [(0.0, at_m(0, **as_before)), (0.2, at_m(0, **as_before)), (0.4, at_m(0, **as_before | change))]
    assert kept(*told) == [0.0, 0.4]


def test_what_cannot_be_saved_is_bounded() -> None:
    fleet = Fleet(SavedFleet([], [], {}))
    for step in range(2 * SAMPLES_WAITING):
        fleet.put_state(at_m(step * 30.0), step * 2.0, 0.0)
        fleet.put_back(fleet.take_changes())
    (change,) = fleet.take_changes()
    assert len(change.samples) == SAMPLES_WAITING
