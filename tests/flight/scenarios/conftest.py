"""Each scenario runs on the virtual autopilot, and on real ArduCopter where its program is given."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest

from edge.demo.site import free_port
from flight.signing import Signing
from hardware.virtual.drone.traffic import Aircraft
from tests.flight.scenarios.companion import Companion, running
from tests.flight.scenarios.copters import Copter, copter

Record = Callable[[str], None]


class Fly(Protocol):
    """A copter that is ready to arm, with a companion beside it."""

    def __call__(
        self,
        *,
        speed: float,
        parameters: Mapping[str, float] | None = None,
        port: int = 0,
        ports: Mapping[int, str] | None = None,
        traffic: tuple[Aircraft, ...] = (),
        signing: Signing | None = None,
        **changes: Mapping[str, Any],
    ) -> AbstractAsyncContextManager[tuple[Copter, Companion]]: ...


@pytest.fixture(
    params=["virtual", pytest.param("ArduCopter", marks=[pytest.mark.sitl, pytest.mark.timeout(400)])]
)
def kind(request: pytest.FixtureRequest) -> str:
    """What flies."""
    return str(request.param)


@pytest.fixture
def companion_port() -> int:
    """Where the companion listens."""
    return free_port(socket.SOCK_DGRAM)


@pytest.fixture
def fly(kind: str, companion_port: int, tmp_path: Path, request: pytest.FixtureRequest) -> Fly:
    @contextlib.asynccontextmanager
    async def flying(
        *,
        speed: float,
        parameters: Mapping[str, float] | None = None,
        port: int = 0,
        ports: Mapping[int, str] | None = None,
        traffic: tuple[Aircraft, ...] = (),
        signing: Signing | None = None,
        **changes: Mapping[str, Any],
    ) -> AsyncIterator[tuple[Copter, Companion]]:
        async with (
            copter(
                kind,
                companion_port,
                speed=speed,
                parameters=parameters,
                port=port,
                ports=ports,
                traffic=traffic,
            ) as one,
            running(companion_port, tmp_path, speed=speed, signing=signing, **changes) as companion,
        ):
            yield one, companion
            version = companion.vehicle.telemetry.firmware_version
            request.node.user_properties.append(("firmware", version))

    return flying


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """What was measured, for the table."""
    return lambda words: request.node.user_properties.append(("measured", words))
