"""A running station tells a TAK server what its drones and alerts say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.uplink.feeds.tak_server import tak_server
from tests.uplink.makers import DRONE, eventually, make_alert, make_config, make_state
from uplink.errors import StationError
from uplink.station.app import create_app
from uplink.station.feeds import tak
from uplink.station.feeds.config import TakConfig


async def test_what_the_station_hears_is_on_the_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tak, "EVERY_S", 0.01)
    async with tak_server() as server:
        told = TakConfig(url=f"tcp://127.0.0.1:{server.port}")
        app = create_app(make_config(tmp_path).model_copy(update={"tak": told}))
        async with app.router.lifespan_context(app):
            services = app.state.services
            services.fleet.put_state(make_state(), services.control.now_s(), services.clock())
            await services.store.alerts.put(make_alert(), now_s=services.clock(), endpoints=[])
            (incident,) = await services.store.incidents.open(now_s=services.clock())
            await eventually(lambda: server.uids("a-f-A-M-H-Q") == [f"emberwatch-{DRONE}"])
            await eventually(lambda: server.uids("a-u-X-i-o") == [str(incident.id)])


def test_a_station_with_certificates_that_are_none_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    told = TakConfig(url="tls://127.0.0.1:8089", ca_file=tmp_path / "ca.pem")
    with pytest.raises(StationError, match="certificates for TAK"):
        create_app(make_config(tmp_path).model_copy(update={"tak": told}))
