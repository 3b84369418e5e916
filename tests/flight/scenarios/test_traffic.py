"""Crewed aircraft in the same air: the pilot is warned, and the agent leaves the flying to people."""

from __future__ import annotations

from flight.link import mavlink
from hardware.virtual.drone.traffic import Aircraft
from tests.flight.scenarios.conftest import Fly, Record
from tests.flight.scenarios.test_failsafes import to_the_survey
from tests.flight.scenarios.test_pilot_wins import orders

# It comes from 3 km in the south, again and again, at the height of the survey.
HELICOPTERS = tuple(
    Aircraft(
        icao=0x7C1234 + n,
        callsign=f"FIRE{n}",
        north_m=-3000.0,
        east_m=100.0,
        height_home_m=120.0,
        course_deg=0.0,
        speed_m_s=45.0,
        emitter=mavlink.ADSB_EMITTER_TYPE_ROTOCRAFT,
        from_s=60.0 * n,
        until_s=60.0 * n + 130.0,
    )
    for n in range(20)
)
# ArduCopter's simulator makes aircraft of its own, at random around the vehicle.
SIMULATED = {"ADSB_TYPE": 1, "SIM_ADSB_COUNT": 8, "SIM_ADSB_RADIUS": 1500, "SIM_ADSB_ALT": 100}


async def test_an_aircraft_nearby_is_told_to_the_pilot_with_its_closest_approach_and_nothing_manoeuvres(
    kind: str, fly: Fly, record: Record
) -> None:
    parameters = SIMULATED if kind == "ArduCopter" else {}
    async with fly(speed=5.0, parameters=parameters, traffic=HELICOPTERS) as (copter, companion):
        await to_the_survey(copter, companion)
        since_s = copter.now_s

        def warnings() -> list[str]:
            return [
                message.text
                for message in copter.by_companion()
                if message.get_type() == "STATUSTEXT" and message.text.startswith("Traffic ")
            ]

        await copter.until(
            lambda: bool(warnings() and companion.deck.traffic), "the pilot's station is warned", 120.0
        )
        assert " cpa " in warnings()[-1]
        near = companion.deck.traffic[0]
        assert near.cpa_distance_m <= near.distance_m + 1.0
        assert orders(copter, since_s) == []
        assert copter.mode == "AUTO"
        record(f"“{warnings()[-1]}”; 0 commands")
