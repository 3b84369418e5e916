"""The live view over a thin line that breaks: pictures stay young, and nothing else waits for them."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from pathlib import Path

import httpx
import pytest

from tests.uplink.makers import DRONE, eventually, make_config, make_state
from tests.uplink.test_view_sender import Drone, drone
from tests.uplink.view_makers import watching
from uplink.station.app import create_app
from uplink.station.server import running

from .fault_proxy import FaultProxy, ThinLine, bad_link

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(120)]

KBIT_S, WAY_S = 500, 0.04
OVER_S, OUTAGE_S = 12.0, 1.0


async def say_states(it: Drone) -> None:
    while True:
        it.link.set_state(make_state())
        await asyncio.sleep(0.25)


async def test_pictures_stay_young_states_go_on_and_after_an_outage_all_comes_back(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    app = create_app(config)
    async with (
        running(config, app) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
        bad_link(FaultProxy(http.base_url.port or 0, random.Random(5))) as link,
    ):
        await http.get("/healthz")
        link.up, link.down = ThinLine(125 * KBIT_S, WAY_S), ThinLine(125 * KBIT_S, WAY_S)
        async with drone(link.url, tmp_path) as it:
            it.camera.bytes_of = lambda height_px: 60 * height_px  # 14 kB to 43 kB
            saying = asyncio.create_task(say_states(it))
            await eventually(lambda: app.state.services.fleet.knows(DRONE))
            for _ in range(2):
                async with watching(http) as page:
                    ages_s, begun_s = [], time.monotonic()
                    states = app.state.services.fleet.heard_ages_s
                    oldest_state_s = 0.0
                    while time.monotonic() - begun_s < OVER_S:
                        frame = await page.frame()
                        exposed_s = (frame.sent_ms - frame.age_ms) / 1e3
                        ages_s.append(time.monotonic() - exposed_s)
                        await page.say(ack=frame.frame, age_ms=0.0)
                        now_s = app.state.services.control.now_s()
                        oldest_state_s = max(oldest_state_s, states(now_s).get(DRONE, 0.0))
                settled = ages_s[len(ages_s) // 3 :]
                assert statistics.median(settled) < 0.9, "two pictures of 14 kB take half a second"
                assert max(settled) < 2.5
                assert len(settled) / OVER_S > 1.5
                assert oldest_state_s < 2.0, "the drone's line is another one"
                await link.outage(OUTAGE_S)
            saying.cancel()
