"""The flight deck as a whole: what goes wrong in one part of it leaves the others at work."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.hotspots.hotspot import Look
from flight.arbiter import NotInControl
from flight.commands import CommandError
from flight.errors import EmberwatchError
from tests.edge.flying.simulation import hotspot, in_simulation_time, now_s, plan, scene, until
from tests.edge.ground_truth import CAMERA, pose_at
from uplink.messages import OrderKind, OrderState, PatrolPhase


@pytest.mark.parametrize(
    "part",
    [
        "deck.FlightDeck._look_out",
        "searched.Searched.keep",
        "deck.FlightDeck._check",
        "deck.FlightDeck._watch_over",
        "deck.FlightDeck.show",
    ],
)
def test_a_mistake_in_one_part_ends_neither_the_flight_nor_the_orders(
    tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_args: object) -> None:
        raise ArithmeticError("a division by zero")

    monkeypatch.setattr(f"edge.flying.{part}", broken)

    @in_simulation_time
    async def story() -> None:
        async with scene(tmp_path) as (_, companion):
            await asyncio.sleep(20.0)
            assert companion.lives
            assert (await companion.order(OrderKind.GRANT)).state is OrderState.DONE
            failures = [r for r in caplog.records if r.exc_info and r.name == "edge.flying.deck"]
            assert len(failures) == 1  # it is said once

    story()


@in_simulation_time
async def test_a_disk_that_is_gone_is_a_line_of_the_preflight_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_folder: object) -> None:
        raise OSError("no such device")

    async with scene(tmp_path) as (_, companion):
        monkeypatch.setattr("edge.preflight.shutil.disk_usage", gone)
        await until(
            lambda: any(line.name == "storage" and line.passed is False for line in companion.deck.preflight),
            20.0,
        )
        assert companion.lives


@in_simulation_time
async def test_a_stand_down_without_a_grant_is_told_to_the_pilot_and_commands_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        site.autopilot.pilot_sets_mode("LOITER")
        await until(lambda: companion.vehicle.arbiter.control == "hands off", 3.0)
        since_s = now_s()
        result = await companion.order(OrderKind.STAND_DOWN)
        assert result.state is OrderState.REFUSED
        await asyncio.sleep(5.0)
        assert site.orders(since_s) == []
        said = [s.message.text for s in site.sent if s.message.get_type() == "STATUSTEXT"]
        assert "Stand down ordered by Ann: return" in said
        assert companion.flight.progress.record.held_back == "stand down by Ann"


@in_simulation_time
async def test_a_stand_down_gets_through_a_link_that_loses_much(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        companion.wire.loss = 0.5
        await companion.order(OrderKind.STAND_DOWN)
        await until(lambda: site.mode == "RTL", 30.0)


@in_simulation_time
async def test_a_stand_down_in_a_gap_of_the_link_is_carried_out_when_it_is_over(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()
        companion.wire.loss = 1.0
        await asyncio.sleep(6.0)
        order = asyncio.ensure_future(companion.order(OrderKind.STAND_DOWN))
        await asyncio.sleep(10.0)
        assert not order.done(), "it is waited out, not given up"
        companion.wire.loss = 0.0
        await until(lambda: site.mode == "RTL", 10.0)
        assert (await order).state is OrderState.DONE


@in_simulation_time
async def test_after_a_stand_down_that_failed_no_look_again_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path, look_again="automatic") as (site, companion):
        await companion.flies()

        async def refused() -> None:
            raise CommandError("RTL denied")

        monkeypatch.setattr(companion.vehicle.commands, "return_home", refused)
        result = await companion.order(OrderKind.STAND_DOWN)
        assert (result.state, result.reason) == (OrderState.REFUSED, "RTL denied")
        companion.look_again.changed(hotspot(120.0, 60.0))
        await asyncio.sleep(20.0)
        assert site.mode == "AUTO"
        assert companion.flight.phase is PatrolPhase.FLYING


@in_simulation_time
async def test_a_part_that_goes_on_failing_is_told_to_the_pilot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.flies()

        def broken(*_args: object) -> None:
            raise ArithmeticError("a division by zero")

        monkeypatch.setattr(companion.flight, "hear", broken)
        await asyncio.sleep(20.0)
        said = [s.message.text for s in site.sent if s.message.get_type() == "STATUSTEXT"]
        assert "Emberwatch fails: watch over. Take over" in said


@in_simulation_time
async def test_a_plan_that_could_not_be_read_in_the_air_is_read_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A companion that starts in flight over a bad link must find out that it flies its patrol."""
    async with scene(tmp_path) as (_, companion):
        await companion.flies()

        async def fails(_items: object) -> bool:
            raise EmberwatchError("it could not be read")

        with monkeypatch.context() as patch:
            patch.setattr(companion.vehicle.missions, "verify", fails)
            companion.flight.progress.aboard = None
            await asyncio.sleep(10.0)
            assert companion.flight.trouble == "it could not be read"
            assert companion.flight.phase is PatrolPhase.INTERRUPTED
        await until(lambda: companion.flight.phase is PatrolPhase.FLYING, 70.0)


@in_simulation_time
async def test_another_plan_found_after_landing_is_replaced_before_the_next_start(tmp_path: Path) -> None:
    async with scene(tmp_path) as (_, companion):
        await companion.ready()
        await companion.vehicle.missions.upload(plan("another", corners=2).items)
        companion.flight.progress.aboard = False
        await until(lambda: companion.flight.progress.aboard is True, 30.0)
        assert await companion.vehicle.missions.verify(companion.flight.progress.part.items)


@in_simulation_time
async def test_orders_without_a_patrol_are_refused_in_words(tmp_path: Path) -> None:
    async with scene(tmp_path) as (_, companion):
        companion.deck.flight = None
        for kind in (OrderKind.START, OrderKind.PAUSE, OrderKind.RESUME):
            assert (await companion.order(kind)).reason == "this drone has no patrol"


@in_simulation_time
async def test_a_grant_that_cannot_be_says_what_stands_against_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await asyncio.sleep(6.0)
        site.autopilot.pilot_sets_mode("LOITER")
        await asyncio.sleep(2.0)
        assert "must last 5 s" in (await companion.order(OrderKind.GRANT)).reason
        with pytest.raises(NotInControl):
            companion.vehicle.arbiter.require()


@in_simulation_time
async def test_the_coverage_of_a_new_pass_begins_anew(tmp_path: Path) -> None:
    async with scene(tmp_path) as (_, companion):
        coverage = companion.deck.searched.coverage
        coverage.look(
            Look(1.0, datetime(2026, 1, 1, tzinfo=UTC), pose_at(height_m=60.0, pitch_deg=-90.0), CAMERA, ())
        )
        assert coverage.seen_m2 > 0
        await asyncio.sleep(16.0)
        assert (companion.config.data_dir / "coverage.geojson").stat().st_size > 200
        companion.flight.progress.next_pass()
        await asyncio.sleep(1.0)
        assert coverage.seen_m2 == 0


@in_simulation_time
async def test_an_agent_that_was_switched_off_with_the_battery_goes_on_with_its_coverage(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as (_, companion):
        companion.deck.searched.coverage.look(
            Look(1.0, datetime(2026, 1, 1, tzinfo=UTC), pose_at(height_m=60.0, pitch_deg=-90.0), CAMERA, ())
        )
        seen_m2 = companion.deck.searched.coverage.seen_m2
        await asyncio.sleep(16.0)
    async with scene(tmp_path) as (_, companion):
        assert companion.deck.searched.coverage.seen_m2 == seen_m2 > 0
    (tmp_path / "data" / "coverage.npz").write_bytes(b"half a fi")
    async with scene(tmp_path) as (_, companion):
        assert companion.deck.searched.coverage.seen_m2 == 0
        assert companion.lives
