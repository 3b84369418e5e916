"""``kill -9`` of the agent in the middle of something: the vehicle is in a defined state, and the next agent
finds it as it is."""

from __future__ import annotations

from pathlib import Path

from tests.flight.scenarios.companion import (
    FIRE_EAST_M,
    FIRE_NORTH_M,
    CompanionProcess,
    place,
)
from tests.flight.scenarios.conftest import Record
from tests.flight.scenarios.copters import copter
from tests.flight.scenarios.test_pilot_wins import orders
from tests.flight.scenarios.test_survey import away_m


async def test_an_agent_killed_in_a_look_again_leaves_it_hovering_and_the_next_one_resumes_when_granted(
    kind: str, companion_port: int, tmp_path: Path, record: Record
) -> None:
    async with copter(kind, companion_port, speed=8.0) as one:
        first = await CompanionProcess.start(companion_port, tmp_path, speed=8.0)
        second: CompanionProcess | None = None
        try:
            await one.until(lambda: first.state.get("aboard") is True, "the plan is aboard", 600.0)
            first.say("grant")
            first.say("start")
            await one.until(lambda: one.mode == "AUTO" and one.item == 6, "it flies its patrol", 400.0)
            lat_deg, lon_deg = place(FIRE_EAST_M, FIRE_NORTH_M)
            first.say(f"see {lat_deg} {lon_deg}")
            await one.until(lambda: first.state["phase"] == "looking again", "it looks again", 120.0)
            left_item = one.item
            await first.kill()
            await one.wait(40.0)
            where = (one.lat_deg, one.lon_deg, one.height_home_m)
            await one.wait(15.0)
            assert one.mode == "GUIDED", "a mode that holds its place"
            assert abs(one.lat_deg - where[0]) * 111_320 < 3.0
            assert abs(one.height_home_m - where[2]) < 2.0

            since_s = one.now_s
            second = await CompanionProcess.start(companion_port, tmp_path, speed=8.0)
            await one.until(lambda: second.state.get("aboard") is True, "it knows the plan aboard", 600.0)
            await one.wait(20.0)
            assert second.state["control"] == "hands off", "it takes nothing over"
            assert orders(one, since_s) == []
            assert one.mode == "GUIDED"
            second.say("grant")
            second.say("resume")
            await one.until(lambda: one.mode == "AUTO", "the patrol goes on", 120.0)
            assert one.item in (left_item, (left_item or 0) + 1)
            await one.until(lambda: (one.item or 0) >= (left_item or 0) + 2, "it flies on", 200.0)
            record(f"hovers in GUIDED; the next agent hands off, then on from item {left_item}")
        finally:
            for process in (first, second):
                if process is not None:
                    await process.kill()


async def test_an_agent_killed_in_an_upload_is_followed_by_one_that_brings_the_whole_plan_aboard(
    kind: str, companion_port: int, tmp_path: Path, record: Record
) -> None:
    async with copter(kind, companion_port, speed=3.0) as one:
        first = await CompanionProcess.start(companion_port, tmp_path, speed=3.0)
        second: CompanionProcess | None = None
        given: list[int] = []

        def end_it(message: object) -> None:
            if (
                getattr(message, "get_type", str)() == "MISSION_ITEM_INT"
                and getattr(message, "mission_type", 1) == 0
            ):
                given.append(getattr(message, "seq", 0))
                if len(given) == 8:
                    first.kill_now()

        one.router.on_message.append(end_it)
        try:
            await one.until(lambda: len(given) >= 8, "the upload is under way", 600.0)
            await first.kill()
            last = max(given)
            assert last < 19, "it did not come to its end"
            await one.wait(3.0)
            assert not one.armed
            second = await CompanionProcess.start(companion_port, tmp_path, speed=3.0)
            await one.until(lambda: second.state.get("aboard") is True, "the plan is aboard", 600.0)
            assert second.state["control"] == "hands off"
            assert not one.armed
            assert away_m(one) < 5.0
            record(f"killed after item {last} of 19; whole and verified by the next agent")
        finally:
            one.router.on_message.remove(end_it)
            for process in (first, second):
                if process is not None:
                    await process.kill()
