"""The one TOML file that configures Emberwatch: ``[agent]`` for the drone, ``[station]`` for the ground.

Paths in the file are relative to the file. Secrets never stand in it: they are in files that it names.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    model_validator,
)

from edge.config.camera_section import CameraSection, ThermalSection
from edge.config.errors import explain, explain_syntax
from edge.config.fixed_section import FixedSection
from edge.config.section import Section
from edge.config.zone_section import ZoneSection
from flight.errors import EmberwatchError
from flight.plans.patrol_file import LONGEST_ENDURANCE_S, is_patrol_file
from models.shipped import model_file
from uplink.messages import DroneId
from uplink.paths import FilePath
from uplink.station.config import StationConfig

if TYPE_CHECKING:
    from flight.terrain import Terrain


class ConfigError(EmberwatchError):
    """The configuration cannot be used; ``problems`` holds one line for each mistake."""

    exit_code = 2

    def __init__(self, path: Path, problems: list[str]) -> None:
        self.path = path
        self.problems = problems
        super().__init__("\n".join(f"{path}: {problem}" for problem in problems))


class DroneSection(Section):
    """Who this drone is."""

    id: DroneId = Field(description="unique at the station; the station's config lists it with its key")
    name: str = Field("", max_length=128, description="what people call it on the page")


class MavlinkSection(Section):
    """The way to the autopilot."""

    url: str = Field(
        "udpin:127.0.0.1:14550",
        description="udpin:HOST:PORT, udpout:HOST:PORT, tcp:HOST:PORT or serial:/dev/ttyAMA0:921600",
    )
    component_id: int = Field(191, ge=191, le=194, description="ours; the system id is the autopilot's own")
    signing_key_file: FilePath | None = Field(
        None, description="holds the key of a signed link (`emberwatch signing new`); left out: unsigned"
    )
    signing_link_id: int = Field(1, ge=0, le=255, description="of this link; each signer's link has its own")
    read_only: bool = Field(False, description="true: send no order and no mission; only ask for telemetry")
    wait_s: float = Field(60.0, gt=0, description="give up when no autopilot is heard for this long at start")


class ControlSection(Section):
    """The pilot's switches, and how orders are carried out. Channels are numbered from 1; a switch is on
    above ``threshold_us``."""

    veto_channel: int | None = Field(
        None, ge=1, le=18, description="while on, or while RC is silent, the agent commands nothing"
    )
    grant_channel: int | None = Field(None, ge=1, le=18, description="switched on: the agent may command")
    threshold_us: int = Field(1700, ge=900, le=2100, description="of both switches")
    smart_return: bool = Field(
        False,
        description="the order to return goes home along the way it came (ArduCopter's SmartRTL), where the "
        "autopilot remembers it; a stand-down always goes straight",
    )

    @model_validator(mode="after")
    def _two_switches(self) -> Self:
        if self.veto_channel is not None and self.veto_channel == self.grant_channel:
            raise ValueError(
                "veto_channel and grant_channel are one switch: it would give and refuse at once"
            )
        return self


class LimitsSection(Section):
    """What the vehicle is never ordered to exceed, beside its own fence."""

    ceiling_home_m: float = Field(120.0, gt=0, le=1000, description="above home")
    range_m: float = Field(3000.0, gt=0, le=100_000, description="from home")
    least_height_agl_m: float = Field(20.0, gt=0, le=500, description="above the ground")
    endurance_s: float = Field(
        1500.0,
        gt=0,
        le=LONGEST_ENDURANCE_S,
        description="of a full battery, hovering, as you have measured it",
    )
    reserve_percent: float = Field(
        25.0, ge=0, le=90, description="of the battery that no patrol may plan with"
    )


def _model_file(value: object) -> object:
    return model_file(value) if isinstance(value, str) else value


class DetectorSection(Section):
    """What finds fire in a frame."""

    model: Annotated[FilePath, BeforeValidator(_model_file)] | None = Field(
        None,
        description="an ONNX detector, or the name of a shipped one (`ember-n`, `ember-n-int8`); "
        "left out: `ember-n`",
    )
    labels: dict[str, Literal["fire", "smoke"]] | None = Field(
        None,
        description="what another model's classes are, by name or number, as in "
        '`{ Flame = "fire", "1" = "smoke" }`; what is neither fire nor smoke then is left out',
    )
    sensitivity: Literal["patrol", "sensitive"] = Field(
        "patrol",
        description="which of the model's two thresholds: few false alarms, or few fires missed",
    )
    threshold: float | None = Field(
        None, gt=0, lt=1, description="least score, whatever the sensitivity; left out: the model's own"
    )
    backend: Literal["auto", "cpu", "xnnpack", "cuda", "tensorrt", "openvino"] = Field(
        "auto", description="what runs the model; auto: the fastest here that gives the right answers"
    )
    threads: int = Field(2, ge=1, le=64, description="CPU threads that inference may take")
    tile_budget_ms: float | None = Field(
        None,
        ge=0,
        le=5_000,
        description="of each frame's time, for looking closely at parts of it for small fires; 0: never; "
        "left out: what the whole frame leaves of three fifths of 1 / `frames_per_s`",
    )


class TerrainSection(Section):
    """The ground that rays are met with, and what stands on it."""

    dem: FilePath | None = Field(
        None,
        description="GeoTIFF, .hgt or DTED, a zip with one, or a folder of tiles; left out: flat ground at "
        "home height",
    )
    sigma_m: float | None = Field(
        None, gt=0, le=100, description="1σ error of its heights; left out: what such files are known for"
    )
    surface: FilePath | None = Field(
        None,
        description="what a ray meets first: footprints of buildings with heights (GeoJSON) or a raster of "
        "the surface (GeoTIFF); left out: bare ground",
    )

    @model_validator(mode="after")
    def _surface_stands_on_ground(self) -> Self:
        if self.surface is not None and self.dem is None:
            raise ValueError("surface stands on ground: name a dem too")
        return self

    def open(self) -> Terrain | None:
        """The terrain that is configured, or None for flat ground. Raises TerrainError."""
        if self.dem is None:
            return None
        # Here, because reading a configuration must not load what reads rasters.
        from flight.surface import open_terrain

        return open_terrain(self.dem, surface=self.surface, sigma_m=self.sigma_m)


class PatrolSection(Section):
    """What to fly."""

    file: FilePath | None = Field(
        None, description="a patrol file (.toml), .plan or .waypoints; left out: watch, fly nothing"
    )
    unattended: bool = Field(
        False,
        description="true: this site allows a patrol that says `unattended = true` itself to arm and fly "
        "when it is due and preflight passes; false: a person confirms each flight",
    )


class ResponseSection(Section):
    """What to do about a fire that was found: look again from elsewhere, then go on."""

    look_again: Literal["off", "ask", "automatic"] = Field(
        "ask", description="the most that this site allows; a patrol's on_detection may ask for less"
    )
    stand_off_m: float = Field(60.0, ge=20, le=500, description="least distance from the fire")
    views: int = Field(3, ge=1, le=8, description="places to look from, one after another, at most")
    look_s: float = Field(8.0, ge=1, le=300, description="from each of them")
    longest_s: float = Field(180.0, ge=20, le=1800, description="of one look again, the way included")
    look_at_longest_s: float = Field(
        600.0,
        ge=20,
        le=3600,
        description="of one look at a place that a person sends it to, the way there included",
    )


class TrafficSection(Section):
    """Warn of other aircraft that come this near (ADS-B)."""

    radius_m: float = Field(5000.0, gt=0, le=100_000, description="on the ground")
    height_m: float = Field(600.0, gt=0, le=10_000, description="above and below")
    within_s: float = Field(90.0, gt=0, le=600, description="until the closest point of approach")


class UplinkSection(Section):
    """The way to the station."""

    station_url: str = Field(
        "http://127.0.0.1:8420", pattern=r"^https?://", description="of the ground station"
    )
    key_file: FilePath = Field(description="holds this drone's key, the one that the station knows")
    station_ca_file: FilePath | None = Field(
        None,
        description="certificate (PEM) that the station's own is signed by, or is; left out: https needs one "
        "that the usual authorities vouch for",
    )
    metered: bool = Field(
        False,
        description="the link costs by the byte, or is thin: alerts go at once, pictures up to "
        "`metered_picture_kb`, and the others wait for another link",
    )
    metered_interfaces: list[str] = Field(
        default_factory=list,
        max_length=16,
        description="network interfaces over which it is so, as in `wwan0`; looked at every few seconds",
    )
    metered_picture_kb: float = Field(
        48.0, ge=0, description="the largest picture that goes over a metered link; 0 sends alerts alone"
    )
    station_key_file: FilePath | None = Field(
        None,
        description="holds the station's public key, the line that `emberwatch station key` prints; "
        "left out: every order is refused",
    )
    states_per_s: float = Field(
        2.0, gt=0, le=10, description="how often the station is told how the drone is, at most"
    )


class ServiceSection(Section):
    """Who restarts what hangs, beside systemd."""

    hardware_watchdog: FilePath | None = Field(
        None,
        description="the computer's own watchdog, as in `/dev/watchdog0`: restarts it when the agent hangs, "
        "and is on only while the vehicle stands disarmed; left out: none",
    )


class RecorderSection(Section):
    """The flight recorder: what `emberwatch replay` goes through again."""

    most_mb: float = Field(
        2000.0,
        ge=0,
        description="of the disk, for all recordings together; the oldest goes first; 0: none is made",
    )
    video_frames_per_s: float = Field(
        1.0, ge=0, le=30, description="of the film of what the camera saw; 0: none is made"
    )
    video_height_px: int = Field(
        720, ge=120, le=2160, description="of its pictures, where the camera's are not smaller"
    )


class LiveViewSection(Section):
    """The camera's picture for people who watch at the station. Nothing is sent while nobody does."""

    allow: Literal["unmetered", "always", "never"] = Field(
        "unmetered", description="over which links: those that cost nothing, any, or none"
    )
    most_kbit_s: float = Field(
        8000.0, ge=50, le=100_000, description="that pictures may take of the link, at most"
    )


class VirtualSection(Section):
    """The rendered world that `camera.source = "virtual"` looks at."""

    seed: int = Field(1, ge=0, description="of the world")
    truth_url: str = Field(
        "udpin:127.0.0.1:14660", description="where the virtual drone says where it truly is"
    )
    thermal_truth_url: str = Field(
        "udpin:127.0.0.1:14661",
        description="the same for `thermal.source`: each camera has a port of its own",
    )
    hour: float = Field(
        12.0,
        ge=0,
        lt=24,
        description="solar time: how warm the world is, and that it is dark to a colour camera from 19 to 5",
    )


# What only a vehicle has.
_OF_VEHICLES = ("mavlink", "control", "limits", "patrol", "response", "traffic")


class AgentConfig(Section):
    """The agent on the drone, or beside a fixed camera."""

    data_dir: FilePath = Field(description="outbox and records; made when missing")
    hotspots_kept_h: float = Field(
        6.0,
        ge=0,
        le=168,
        description="a fire that is seen again within this long after the agent stopped goes on under its "
        "alert; 0: never",
    )
    drone: DroneSection
    mavlink: MavlinkSection = MavlinkSection()
    control: ControlSection = ControlSection()
    limits: LimitsSection = LimitsSection()
    camera: CameraSection | None = None
    thermal: ThermalSection | None = None
    detector: DetectorSection = DetectorSection()
    terrain: TerrainSection = TerrainSection()
    patrol: PatrolSection = PatrolSection()
    response: ResponseSection = ResponseSection()
    traffic: TrafficSection = TrafficSection()
    uplink: UplinkSection
    recorder: RecorderSection = RecorderSection()
    service: ServiceSection = ServiceSection()
    live_view: LiveViewSection = LiveViewSection()
    virtual: VirtualSection = VirtualSection()
    fixed: FixedSection | None = None
    zones: list[ZoneSection] = Field(
        default_factory=list, max_length=200, description="ground where fire is known and allowed"
    )

    @property
    def main_camera(self) -> CameraSection:
        """The colour camera, or the thermal one where that is alone: what is flown and shown by."""
        camera = self.camera or self.thermal
        assert camera is not None  # noqa: S101 - see below
        return camera

    @property
    def second_camera(self) -> ThermalSection | None:
        """The thermal camera beside the colour one."""
        return self.thermal if self.camera is not None else None

    @model_validator(mode="after")
    def _something_looks(self) -> Self:
        if self.camera is None and self.thermal is None:
            raise ValueError("nothing looks at the ground: add [agent.camera], [agent.thermal], or both")
        return self

    @model_validator(mode="after")
    def _a_mast_does_not_fly(self) -> Self:
        there = [name for name in _OF_VEHICLES if name in self.model_fields_set]
        if self.fixed is not None and there:
            tables = ", ".join(f"[agent.{name}]" for name in there)
            raise ValueError(f"a fixed camera has no vehicle: leave out {tables}")
        return self


class Config(Section):
    """The whole file; each half is there where its program runs."""

    agent: AgentConfig | None = None
    station: StationConfig | None = None


def load_config(path: Path) -> Config:
    """Read and check a configuration file.

    Raises ConfigError with every mistake found, each with its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(path, ["is not UTF-8 text"]) from error
    try:
        tables: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, [explain_syntax(error)]) from error
    if Config.model_fields.keys().isdisjoint(tables) and is_patrol_file(tables):
        raise ConfigError(path, [f"this is a patrol file: emberwatch patrol check {path}"])
    try:
        return Config.model_validate(tables, context={"base_dir": path.resolve().parent})
    except ValidationError as error:
        raise ConfigError(path, explain(text, error, Config)) from error


def load_agent_config(path: Path) -> AgentConfig:
    """The ``[agent]`` half, or ConfigError when it is missing."""
    config = load_config(path).agent
    if config is None:
        raise ConfigError(path, ["has no [agent] table, which `emberwatch agent` needs"])
    return config


def load_station_config(path: Path) -> StationConfig:
    """The ``[station]`` half, or ConfigError when it is missing."""
    config = load_config(path).station
    if config is None:
        raise ConfigError(path, ["has no [station] table, which `emberwatch station` needs"])
    return config
