"""The connection to a TAK server: real sockets on loopback, XML and protobuf, TLS and UDP."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import takproto
from pydantic import ValidationError

from tests.uplink.feeds.certificates import Authority
from tests.uplink.feeds.incidents import INCIDENT_ID, make_incident
from tests.uplink.feeds.tak_server import tak_server
from tests.uplink.makers import DRONE, NOON, eventually, make_state
from uplink.backoff import Backoff
from uplink.errors import StationError
from uplink.station.feeds import tak
from uplink.station.feeds.config import TakConfig
from uplink.station.feeds.tak import TakFeed
from uplink.station.feeds.tak_map import HeardDrone
from uplink.station.incident import Incident

FIRE, DELETE, UAV = "a-u-X-i-o", "t-x-d-d", "a-f-A-M-H-Q"


class Site:
    """One drone, one fire, and the station's clock."""

    def __init__(self) -> None:
        self.now_s = NOON.timestamp()
        self.fires: list[Incident] = [make_incident()]

    def drones(self) -> list[HeardDrone]:
        return [HeardDrone(make_state(), self.now_s)]

    async def burning(self) -> Sequence[Incident]:
        return self.fires


@asynccontextmanager
async def feeding(site: Site, url: str, **config: Any) -> AsyncIterator[None]:
    told = TakConfig(url=url, **config)
    feed = TakFeed(
        told,
        tak.tls_context(told) if told.scheme == "tls" else None,
        drones=site.drones,
        fires=site.burning,
        clock=lambda: site.now_s,
        rng=random.Random(1),
    )
    task = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tak, "BACKOFF", Backoff(first_s=0.01, max_s=0.05))
    monkeypatch.setattr(tak, "STANDS_S", 0.05)
    monkeypatch.setattr(tak, "EVERY_S", 0.01)


async def test_drone_and_fire_are_on_the_map_and_the_fire_goes_when_it_is_over() -> None:
    site = Site()
    async with tak_server() as server, feeding(site, f"tcp://127.0.0.1:{server.port}"):
        await eventually(lambda: bool(server.uids(FIRE) and server.uids(UAV)))
        assert server.uids(UAV) == [f"emberwatch-{DRONE}"]
        site.fires.clear()
        await eventually(lambda: bool(server.uids(DELETE)))
        gone = next(event for event in server.xml if event.attrib["type"] == DELETE)
        link = gone.find("detail/link")
        assert link is not None
        assert link.attrib["uid"] == str(INCIDENT_ID)


async def test_a_server_that_comes_back_is_told_everything_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    site = Site()
    async with tak_server() as server, feeding(site, f"tcp://127.0.0.1:{server.port}"):
        await eventually(lambda: bool(server.uids(FIRE)))
        server.connections[0].close()
        await eventually(lambda: len(server.uids(FIRE)) == 2)
        assert len(server.connections) == 2
        await eventually(lambda: "reached again" in caplog.text)
    assert caplog.text.count("not reached") == caplog.text.count("reached again") == 1


async def test_a_server_that_refuses_again_and_again_is_complained_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused = 0

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal refused
        refused += 1
        writer.close()

    listener = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with listener, feeding(Site(), f"tcp://127.0.0.1:{listener.sockets[0].getsockname()[1]}"):
        await eventually(lambda: refused >= 5)
    assert caplog.text.count("not reached") == 1


async def test_a_server_that_is_not_there_yet_is_found(caplog: pytest.LogCaptureFixture) -> None:
    async with tak_server() as placeholder:
        port = placeholder.port
    async with feeding(Site(), f"tcp://127.0.0.1:{port}"):
        await eventually(lambda: "not reached" in caplog.text)
        async with tak_server(port=port) as server:
            await eventually(lambda: bool(server.uids(FIRE)))


async def test_a_stream_goes_on_in_protobuf_where_the_server_offers_it() -> None:
    site = Site()
    async with (
        tak_server(offers=True) as server,
        feeding(site, f"tcp://127.0.0.1:{server.port}", protocol="protobuf"),
    ):
        await eventually(lambda: bool(server.uids("t-x-takp-q")))
        site.fires[:] = [make_incident(version=2)]
        site.now_s += 2
        await eventually(lambda: any(event.type == FIRE for event in server.protobuf))
        fire = next(event for event in server.protobuf if event.type == FIRE)
        assert fire.uid == str(INCIDENT_ID)
        assert fire.ce == 12.0
        assert server.talked_between is False


async def test_a_stream_stays_in_xml_where_the_server_does_not_agree() -> None:
    site = Site()
    async with (
        tak_server(offers=True, agrees=False) as server,
        feeding(site, f"tcp://127.0.0.1:{server.port}", protocol="protobuf"),
    ):
        await eventually(lambda: bool(server.uids("t-x-takp-q")))
        site.now_s += 60
        await eventually(lambda: server.xml[-1].attrib["type"] in (FIRE, UAV))
        assert server.protobuf == []


async def test_tls_shows_the_stations_certificate_and_checks_the_servers(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("tak.example.org"))
    context.load_verify_locations(authority.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    cert_file, key_file = authority.issue("station")
    site = Site()
    own: dict[str, Any] = {"ca_file": authority.ca_file, "cert_file": cert_file, "key_file": key_file}
    async with tak_server(tls=context) as server:
        url = f"tls://127.0.0.1:{server.port}"
        async with feeding(site, url, server_name="tak.example.org", **own):
            await eventually(lambda: bool(server.uids(FIRE)))


async def test_tls_tells_nothing_to_a_server_of_another_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("other.example.org"))
    async with tak_server(tls=context) as server:
        url = f"tls://127.0.0.1:{server.port}"
        async with feeding(Site(), url, server_name="tak.example.org", ca_file=authority.ca_file):
            await eventually(lambda: "not reached" in caplog.text)
        assert "certificate" in caplog.text.lower()
        assert server.xml == []


@pytest.mark.parametrize("protocol", ["xml", "protobuf"])
async def test_udp_carries_one_event_in_each_datagram(protocol: str) -> None:
    received: list[bytes] = []

    class Receiver(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, _: tuple[str, int]) -> None:
            received.append(data)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Receiver, local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    try:
        async with feeding(Site(), f"udp://127.0.0.1:{port}", protocol=protocol):
            await eventually(lambda: len(received) >= 2)
    finally:
        transport.close()
    if protocol == "xml":
        assert {ET.fromstring(data).attrib["type"] for data in received} == {FIRE, UAV}
    else:
        assert {takproto.parse_proto(bytearray(data)).cotEvent.type for data in received} == {FIRE, UAV}


def test_certificates_that_are_none_are_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(StationError, match="certificates for TAK"):
        tak.tls_context(TakConfig(url="tls://127.0.0.1:8089", ca_file=tmp_path / "ca.pem"))


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        ({"url": "http://tak:8089"}, "pattern"),
        ({"url": "tls://tak"}, "a host and a port"),
        ({"url": "tcp://tak:8087", "ca_file": "ca.pem"}, "belong to a url with tls"),
        ({"url": "tls://tak:8089", "cert_file": "a.pem"}, "go together"),
    ],
)
def test_a_configuration_that_does_not_fit_together_is_refused(config: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        TakConfig.model_validate(config)
