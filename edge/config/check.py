"""``emberwatch config check``: the file, and whether what it names is there and can be used.

Programs find this out when they start. Here it is told beforehand, all at once, with lines. What only the
vehicle can show (the link, a live camera, whether the model loads) is preflight's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from edge.config.errors import placed
from edge.config.file import AgentConfig, Config, ConfigError, load_config
from edge.config.toml_lines import Loc
from edge.fixed import heights_of
from edge.hotspots.zones import Zone
from edge.patrols.load import load_patrol
from flight.errors import EmberwatchError
from flight.signing import read_key
from flight.surface import open_terrain, with_surface
from flight.terrain import Terrain
from uplink.errors import UplinkError
from uplink.keys import read_drone_key
from uplink.order_signing import StationPublicKey
from uplink.station.config import StationConfig
from uplink.station.tls import check_certificate
from uplink.station.webhooks.endpoints import read_signer

Mistake = tuple[Loc, str]


def check_config(path: Path) -> Config:
    """Read a configuration and all that it names. Raises ConfigError with a line for each mistake."""
    config = load_config(path)
    mistakes: list[Mistake] = []
    if config.agent is not None:
        mistakes += _of_agent(config.agent)
    if config.station is not None:
        mistakes += _of_station(config.station)
    if mistakes:
        raise ConfigError(path, placed(path.read_text(encoding="utf-8"), mistakes))
    return config


def _of_agent(agent: AgentConfig) -> Iterator[Mistake]:
    key_file, signing_key_file = agent.uplink.key_file, agent.mavlink.signing_key_file
    whose = f"the key file of drone {agent.drone.id}"
    yield from _key(("agent", "uplink", "key_file"), key_file, whose)
    station_key_file = agent.uplink.station_key_file
    if station_key_file is not None:
        yield from _tried(
            ("agent", "uplink", "station_key_file"), lambda: StationPublicKey.read(station_key_file)
        )
    if signing_key_file is not None:
        yield from _tried(("agent", "mavlink", "signing_key_file"), lambda: read_key(signing_key_file))
    for name, section in (("camera", agent.camera), ("thermal", agent.thermal)):
        if section is not None:
            yield from _tried(("agent", name, "profile"), section.optics)
    model = agent.detector.model
    if model is not None and not model.is_file():
        yield ("agent", "detector", "model"), f"the model {model} does not exist"
    dem, surface, patrol = agent.terrain.dem, agent.terrain.surface, agent.patrol.file
    terrain: list[Terrain] = []
    if dem is not None:
        yield from _tried(("agent", "terrain", "dem"), lambda: terrain.append(open_terrain(dem)))
    if surface is not None and terrain:
        ground = terrain.pop()
        loc = ("agent", "terrain", "surface")
        yield from _tried(loc, lambda: terrain.append(with_surface(ground, surface)))
    for number, zone in enumerate(agent.zones):
        yield from _tried(("agent", "zones", number, "polygon"), partial(Zone, zone))
    fixed = agent.fixed
    if fixed is not None and (terrain or dem is None):
        yield from _tried(("agent", "fixed"), lambda: heights_of(fixed, terrain[0] if terrain else None))
    if patrol is not None and (terrain or dem is None):  # without the ground it names it cannot be planned
        loc = ("agent", "patrol", "file")
        yield from _tried(loc, lambda: load_patrol(patrol, terrain[0] if terrain else None))


def _of_station(station: StationConfig) -> Iterator[Mistake]:
    cert, key = station.tls_cert_file, station.tls_key_file
    if cert is not None and key is not None:
        yield from _tried(("station", "tls_cert_file"), partial(check_certificate, cert, key))
    for number, drone in enumerate(station.drones):
        loc = ("station", "drones", number, "key_file")
        yield from _key(loc, drone.key_file, f"the key file of drone {drone.id}")
    for number, webhook in enumerate(station.webhooks):
        for field, path in (
            ("secret_file", webhook.secret_file),
            ("previous_secret_file", webhook.previous_secret_file),
        ):
            what = f"the {field.replace('_', ' ')} of webhook {webhook.url.host}"
            if path is not None:
                yield from _tried(("station", "webhooks", number, field), partial(read_signer, path, what))


def _key(loc: Loc, path: Path, what: str) -> Iterator[Mistake]:
    if path.exists():
        yield from _tried(loc, lambda: read_drone_key(path, what, error=UplinkError))
    else:
        how = f"openssl rand -hex 32 > {path.name}; chmod 600 {path.name}"
        yield loc, f"{what} does not exist: {path}; make one with: {how}"


def _tried(loc: Loc, use: Callable[[], object]) -> Iterator[Mistake]:
    """What a program would stumble over; a file's own mistakes each have a line."""
    try:
        use()
    except EmberwatchError as error:
        yield from ((loc, line) for line in str(error).splitlines())
