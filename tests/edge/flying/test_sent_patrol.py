"""A patrol that the station sends: taken on the ground, checked, brought aboard, kept over a restart."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

from edge.patrols.package import pack
from edge.patrols.planner import plan_flights
from flight.plans.patrol_file import PatrolFile
from tests.edge.flying.simulation import (
    HOME,
    Companion,
    Site,
    companion_at,
    in_simulation_time,
    now_s,
    place,
    scene,
    until,
)
from uplink.messages import OrderKind, OrderState, PatrolPhase, PatrolRef

PATROL_ID = UUID(int=7)


def sent_to(site: Site, *, version: int = 1, **changes: Any) -> PatrolRef:
    """A patrol that the station has planned, over a field beside home, and would give."""
    said = {
        "name": "east field",
        "home": HOME_PLACE,
        "home_alt_amsl_m": HOME.alt_amsl_m,
        "area": [place(100, 50), place(400, 50), place(400, 250), place(100, 250)],
        "fence": [place(-700, -700), place(-700, 900), place(900, 900), place(900, -700)],
        "camera": "virtual_78",
        "height_agl_m": 60.0,
    }
    patrol = PatrolFile.model_validate(said | changes)
    package = pack(patrol, plan_flights(patrol, None))
    sha256 = hashlib.sha256(package).hexdigest()
    site.station[sha256] = package
    return PatrolRef(id=PATROL_ID, version=version, name=patrol.name, sha256=sha256, size_bytes=len(package))


HOME_PLACE = (HOME.lat_deg, HOME.lon_deg)


async def refused(companion: Companion, ref: PatrolRef) -> str:
    """The reason; and the patrol is as it was."""
    before, file = companion.flight, companion.config.data_dir / "patrol.sent.json"
    kept = file.read_bytes() if file.exists() else b""
    result = await companion.order(OrderKind.LOAD_PATROL, patrol=ref)
    assert result.state is OrderState.REFUSED
    assert companion.flight is before
    assert not before.retired
    assert (file.read_bytes() if file.exists() else b"") == kept
    return result.reason


@in_simulation_time
async def test_it_is_aboard_as_it_was_planned_and_flown_after_a_restart(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.ready()
        ref = sent_to(site)
        await companion.granted()
        await companion.do(OrderKind.LOAD_PATROL, patrol=ref)
        flight = companion.flight
        assert (flight.patrol.name, flight.patrol.sent) == ("east field", ref)
        assert flight.progress.aboard is True
        [planned] = flight.patrol.flights
        assert await companion.vehicle.missions.verify(planned.items)
        assert planned.fence is not None
        assert await companion.vehicle.fence.verify(planned.fence.items())

        await companion.die()
        again = await companion_at(site)
        assert again.flight.patrol.sent == ref
        await again.ready()
        await again.granted()
        await again.do(OrderKind.START)
        await until(lambda: again.flight.phase is PatrolPhase.FLYING, 60.0)
        await again.die()


@in_simulation_time
async def test_without_a_grant_or_in_the_air_it_is_refused_and_nothing_is_sent(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.ready()
        ref = sent_to(site)
        since_s = now_s()
        assert "may not command" in await refused(companion, ref)
        assert site.orders(since_s) == []
        await companion.flies()
        since_s = now_s()
        assert "on the ground only" in await refused(companion, ref)
        assert site.orders(since_s) == []
        assert companion.flight.phase is PatrolPhase.FLYING


@in_simulation_time
async def test_one_that_this_drones_limits_forbid_is_refused_with_the_reason(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.ready()
        await companion.granted()
        too_high = sent_to(site, height_agl_m=150.0, ceiling_home_m=200.0)
        assert "the ceiling is 120 m" in await refused(companion, too_high)
        elsewhere = sent_to(site, home_alt_amsl_m=HOME.alt_amsl_m + 100)
        assert "the plan was made for 684 m" in await refused(companion, elsewhere)


@in_simulation_time
async def test_what_is_not_what_was_ordered_is_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.ready()
        await companion.granted()
        ref = sent_to(site)
        site.station[ref.sha256] = site.station[ref.sha256].replace(b"east field", b"west field")
        assert "is not the patrol east field that was ordered" in await refused(companion, ref)


@in_simulation_time
async def test_an_upload_that_fails_leaves_the_patrol_that_there_was(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.ready()
        await companion.granted()
        ref = sent_to(site)

        async def fails(_items: object) -> None:
            raise PermissionError("the autopilot has no room")

        upload = companion.vehicle.missions.upload
        companion.vehicle.missions.upload = fails  # type: ignore[method-assign,assignment]
        assert "it failed (PermissionError)" in await refused(companion, ref)
        companion.vehicle.missions.upload = upload  # type: ignore[method-assign]
        await until(lambda: companion.flight.progress.aboard is True, 120.0)
        part = companion.flight.progress.part
        assert await companion.vehicle.missions.verify(part.items)
        assert part.fence is not None
        assert await companion.vehicle.fence.verify(part.fence.items())


@in_simulation_time
async def test_a_stand_down_breaks_off_an_upload(tmp_path: Path) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.ready()
        await companion.granted()
        loading = asyncio.create_task(companion.order(OrderKind.LOAD_PATROL, patrol=sent_to(site)))
        since_s = now_s()
        await until(lambda: bool(site.orders(since_s)), 5.0)
        await companion.do(OrderKind.STAND_DOWN)
        assert (await loading).state is OrderState.REFUSED
        assert companion.flight.patrol.name == "the round"
        await until(lambda: companion.flight.progress.aboard is True, 120.0)


@in_simulation_time
async def test_a_newer_version_takes_the_place_of_the_older_and_of_what_was_flown_of_it(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as (site, companion):
        await companion.ready()
        await companion.granted()
        await companion.do(OrderKind.LOAD_PATROL, patrol=sent_to(site))
        first = companion.look_again
        newer = sent_to(site, version=2, side_overlap=0.6)
        await companion.do(OrderKind.LOAD_PATROL, patrol=newer)
        assert companion.flight.patrol.sent == newer
        assert companion.flight.progress.record.item == 0
        listeners = companion.vehicle.arbiter.on_change
        assert first._control_changed not in listeners
        assert companion.look_again._control_changed in listeners
        assert newer.sha256 in (companion.config.data_dir / "patrol.sent.json").read_text()
        await asyncio.sleep(5.0)
        assert await companion.vehicle.missions.verify(companion.flight.patrol.flights[0].items)
