"""The agent put together: its heartbeat outlives a state that cannot be told, and orders reach it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from edge.agent import Agent, run_agent, vehicle_of
from edge.config.file import AgentConfig, load_agent_config
from edge.supervisor import supervise
from flight.plans.qgc import write_plan
from flight.statustext import CRITICAL
from flight.telemetry import Telemetry
from tests.edge.flying.simulation import plan
from uplink.drone_link import DroneLink
from uplink.errors import UplinkError
from uplink.messages import Order, OrderKind, PatrolRef
from uplink.order_sequence import OrderSequence
from uplink.outbox import Outbox

CONFIG = """\
[agent]
data_dir = "data"
[agent.drone]
id = "d1"
[agent.camera]
source = "photos"
[agent.mavlink]
url = "udpin:127.0.0.1:0"
[agent.patrol]
file = "round.plan"
[agent.control]
veto_channel = 7
[agent.uplink]
key_file = "drone.key"
"""


async def nothing_to_fetch(_ref: PatrolRef) -> bytes:
    raise AssertionError("no patrol was ordered")


@pytest.fixture
def config(tmp_path: Path) -> AgentConfig:
    (tmp_path / "agent.toml").write_text(CONFIG)
    write_plan(tmp_path / "round.plan", plan())
    return load_agent_config(tmp_path / "agent.toml")


@pytest.fixture
def agent(config: AgentConfig, tmp_path: Path) -> Iterator[Agent]:
    with Outbox(tmp_path / "outbox.db") as outbox:
        yield Agent(config, vehicle_of(config), outbox, get_patrol=nothing_to_fetch)


def test_it_reads_its_patrol_and_the_pilots_switches_from_its_configuration(agent: Agent) -> None:
    assert agent.deck.flight is not None
    assert len(agent.deck.flight.progress.plan.items) == 9
    assert "radio has not been heard" in agent._vehicle.arbiter.veto


def test_an_order_from_the_station_waits_at_the_desk(agent: Agent) -> None:
    order = Order(id=uuid4(), drone_id="d1", kind=OrderKind.START, by="Ann", at=datetime.now(UTC))
    agent.take_order(order)
    [result] = agent.deck.desk.results
    assert (result.order_id, result.state.value) == (order.id, "accepted")


def test_read_only_may_be_asked_for_whatever_the_configuration_says(config: AgentConfig) -> None:
    assert vehicle_of(config).arbiter.control == "hands off"
    assert vehicle_of(config, read_only=True).arbiter.control == "read only"


async def test_the_heartbeat_outlives_a_state_that_cannot_be_told(
    agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_args: object) -> None:
        raise ArithmeticError("a value that is none")

    fed: list[bool] = []
    monkeypatch.setattr("edge.agent.drone_state", broken)
    monkeypatch.setattr("edge.supervisor.LOOP_PERIOD_S", 0.001)
    monkeypatch.setattr(agent._vehicle, "feed", lambda: fed.append(True))
    link = DroneLink(
        "http://127.0.0.1:9",
        "d1",
        "k" * 16,
        on_order=agent.take_order,
        station_key=None,
        sequence=OrderSequence(tmp_path / "order.sequence"),
    )
    supervising = asyncio.create_task(supervise(agent._config, link.set_state, agent._turn, agent._state))
    async with asyncio.timeout(10):
        while len(fed) < 5:
            await asyncio.sleep(0.001)
    assert not supervising.done()
    supervising.cancel()
    assert sum("could not be told" in record.getMessage() for record in caplog.records) == 1


def test_the_pilots_own_ground_station_hears_that_the_agent_is_blind(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, int]] = []
    monkeypatch.setattr(agent._vehicle, "tell", lambda text, severity: said.append((text, severity)))
    monkeypatch.setattr(Telemetry, "linked", property(lambda _telemetry: True))
    started_s = time.monotonic()
    for second in range(0, 60, 2):
        agent._turn(started_s + second)
    assert said == [("Blind: no frame has been looked at yet", CRITICAL)]


async def test_a_missing_key_is_said_before_anything_is_started(config: AgentConfig, tmp_path: Path) -> None:
    with pytest.raises(UplinkError, match="the key file of drone d1"):
        await run_agent(config)
    (tmp_path / "drone.key").write_text("k" * 32)
    uplink = config.uplink.model_copy(update={"station_key_file": tmp_path / "station.pub"})
    with pytest.raises(UplinkError, match="the station's public key does not exist"):
        await run_agent(config.model_copy(update={"uplink": uplink}))
    assert not config.data_dir.exists()
