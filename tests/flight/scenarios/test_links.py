"""Bad links, and people on the link who do not belong there."""

from __future__ import annotations

import asyncio
import os
import select
import threading
import time
import tty
from pathlib import Path
from typing import Self

import pytest

from flight.arbiter import NotInControl
from flight.command_protocol import CommandError
from flight.envelope import Envelope
from flight.link import Codec, mavlink
from flight.plans.fence import Circle, Fence
from flight.signing import Signing, Verdict, make_key, read_key
from flight.telemetry import Home
from tests.flight.scenarios.companion import place
from tests.flight.scenarios.conftest import Fly, Record
from tests.flight.scenarios.copters import HOME_AMSL_M, HOME_LAT_DEG, HOME_LON_DEG, VEHICLE, Copter
from tests.flight.scenarios.test_failsafes import to_the_survey
from tests.flight.scenarios.test_pilot_wins import orders
from tests.flight.scripted import LossyLine

LOSS = 0.3


async def test_at_30_percent_loss_both_ways_the_plan_comes_aboard_and_every_command_ends_known(
    fly: Fly, record: Record
) -> None:
    async with fly(speed=3.0) as (copter, companion):
        await companion.is_aboard()
        copter.router.to_companion = LossyLine(LOSS, seed=1).carry
        copter.router.from_companion = LossyLine(LOSS, seed=2).carry
        missions, items = companion.vehicle.missions, companion.flight.progress.part.items
        await missions.upload(items)
        assert await missions.verify(items)

        done, known = 0, 0
        for mode in ("GUIDED", "LOITER") * 4:
            await companion.granted()
            try:
                await companion.vehicle.commands.set_mode(mode)
            except (CommandError, NotInControl):
                known += 1
            else:
                done += 1
                assert copter.mode == mode, "done means done"
        assert done + known == 8
        assert done >= 5
        record(f"20 items whole and verified; of 8 commands {done} done, {known} ended as unanswered")


async def test_places_that_cannot_be_meant_are_refused_before_a_byte_is_sent(
    fly: Fly, record: Record
) -> None:
    async with fly(speed=5.0) as (copter, companion):
        await to_the_survey(copter, companion)
        commands = companion.vehicle.commands
        home = Home(HOME_LAT_DEG, HOME_LON_DEG, HOME_AMSL_M)
        since_s = copter.now_s
        await copter.wait(1.0)
        good = (*place(50.0, 50.0), HOME_AMSL_M + 40.0)
        nan = float("nan")
        refused: list[str] = []
        for lat_deg, lon_deg, alt_amsl_m in (
            (*place(0.0, 690.0), HOME_AMSL_M + 40.0),  # within range, but over the margin of the fence
            (*place(0.0, 2000.0), HOME_AMSL_M + 40.0),
            (*place(0.0, 9000.0), HOME_AMSL_M + 40.0),
            (0.0, 0.0, HOME_AMSL_M + 40.0),
            (nan, good[1], good[2]),
            (good[0], good[1], nan),
            (95.0, good[1], good[2]),
            (good[0], good[1], HOME_AMSL_M + 300.0),
            (good[0], good[1], HOME_AMSL_M - 20.0),
        ):
            fence = Fence((Circle(HOME_LAT_DEG, HOME_LON_DEG, 692.0),))
            commands.envelope = Envelope(home=home, fence=fence)
            with pytest.raises(CommandError) as error:
                await commands.reposition(lat_deg, lon_deg, alt_amsl_m, take_over=True)
            refused.append(error.value.message)
        await copter.wait(2.0)
        assert orders(copter, since_s) == []
        assert copter.mode == "AUTO", "the patrol never stopped"
        assert companion.vehicle.arbiter.control == "granted"
        record(f"{len(refused)} of {len(refused)} refused, 0 orders sent")


async def test_a_signed_link_refuses_what_is_not_signed_with_its_key_and_keeps_the_real_stream(
    fly: Fly, record: Record, tmp_path: Path
) -> None:
    make_key(tmp_path / "link.key")
    key = read_key(tmp_path / "link.key")
    signing = Signing(key, link_id=1, clock_file=tmp_path / "signing.clock")
    async with fly(speed=3.0, port=2, signing=None) as (copter, companion):
        await companion.is_aboard()
        await give_key(copter, key)
        companion.vehicle.link.sign_with(signing)
        link, arbiter = companion.vehicle.link, companion.vehicle.arbiter
        copter.router.sign_with(Signing(key, link_id=2, clock_file=None))
        await copter.wait(2.0)
        await companion.granted()
        await companion.vehicle.commands.set_mode("GUIDED")
        assert copter.mode == "GUIDED", "signed orders are obeyed"

        # To the companion: a vehicle that lies about its mode.
        lie = mavlink.MAVLink_heartbeat_message(
            mavlink.MAV_TYPE_QUADROTOR, mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA, 1, 5, mavlink.MAV_STATE_ACTIVE, 3
        )
        future = Signing(b"x" * 32, link_id=0, clock_file=None, utc_s=lambda: time.time() + 365 * 86400.0)
        copter.router.forge(Codec(VEHICLE, 1).encode(lie))
        copter.router.forge(Codec(VEHICLE, 1, future).encode(lie))
        real = [each.message for each in copter.heard if each.message.get_type() == "HEARTBEAT"]
        mine = next(each for each in reversed(real) if each.get_srcComponent() == 1)
        copter.router.forge(bytes(mine.get_msgbuf()))
        await copter.wait(6.0)
        refused = link.counts.refused
        assert refused[Verdict.UNSIGNED] >= 1
        assert refused[Verdict.WRONG_KEY] >= 1
        assert refused[Verdict.REPLAYED] >= 1
        assert arbiter.control == "granted", "none of them moved the arbiter"
        assert companion.vehicle.telemetry.linked, "and the real stream is still heard"

        # To the vehicle: orders of somebody else.
        order = mavlink.MAVLink_command_long_message(
            VEHICLE, 1, mavlink.MAV_CMD_DO_SET_MODE, 0, 1, 5, *[0.0] * 5
        )
        copter.router.forge(Codec(VEHICLE, 191).encode(order), to_vehicle=True)
        copter.router.forge(Codec(VEHICLE, 191, future).encode(order), to_vehicle=True)
        await copter.wait(4.0)
        assert copter.mode == "GUIDED"
        await companion.vehicle.commands.set_mode("LOITER")
        assert copter.mode == "LOITER", "the real stream is still obeyed"
        record(", ".join(f"{number} {verdict.value}" for verdict, number in sorted(refused.items(), key=str)))


@pytest.mark.parametrize("way", ["tcp", "serial"])
async def test_on_a_telemetry_port_of_its_own_the_agent_is_no_part_of_the_pilots_link(
    kind: str, way: str, fly: Fly, record: Record
) -> None:
    if kind == "virtual":
        pytest.skip("the stand-in has one telemetry port")
    with Splice() as splice:
        url = "tcp:127.0.0.1:5763" if way == "tcp" else f"serial:{splice.near}:115200"
        ports = {} if way == "tcp" else {2: f"uart:{splice.far}:115200"}
        async with fly(speed=2.0, ports=ports, mavlink={"url": url}) as (copter, companion):
            await companion.is_aboard()
            assert 255 in companion.vehicle.ground_stations, (
                "the pilot's own heartbeats, through the autopilot"
            )
            await companion.granted()
            await companion.start()
            await copter.until(lambda: copter.mode == "AUTO", "it flies its patrol", 60.0)
            companion.looks = False
            await companion.stop()
            await copter.wait(10.0)
            assert copter.mode == "AUTO", "nothing of the pilot's hangs on the agent"
            assert not copter.critical
            await copter.pilot_sets_mode("RTL")
            record(f"{way}: the agent ends in flight, AUTO goes on, the pilot's RTL is obeyed")


class Splice:
    """Two pseudo-terminals joined end to end, as a serial cable between two computers."""

    def __init__(self) -> None:
        self._ends = [os.openpty() for _ in range(2)]
        for _, slave in self._ends:
            tty.setraw(slave)
        self.near, self.far = (os.ttyname(slave) for _, slave in self._ends)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5.0)
        for end in self._ends:
            for descriptor in end:
                os.close(descriptor)

    def _carry(self) -> None:
        (one, _), (other, _) = self._ends
        while not self._stop.is_set():
            readable, _, _ = select.select([one, other], [], [], 0.1)
            for descriptor in readable:
                data = os.read(descriptor, 4096)
                os.write(other if descriptor == one else one, data)


async def give_key(copter: Copter, key: bytes) -> None:
    """Over the pilot's cable."""
    stamp = Signing(key, link_id=2, clock_file=None).next_timestamp()
    for _ in range(3):
        copter.router.say(mavlink.MAVLink_setup_signing_message(VEHICLE, 1, list(key), stamp))
        await asyncio.sleep(0.1)
