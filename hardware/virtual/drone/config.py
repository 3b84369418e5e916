"""What a virtual drone is started with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flight.errors import EmberwatchError
from hardware.virtual.drone.body import Site
from hardware.virtual.drone.sensors import SensorErrors
from hardware.virtual.drone.traffic import Aircraft


class VirtualDroneError(EmberwatchError):
    """The virtual drone cannot be started as configured."""


@dataclass(frozen=True, slots=True)
class VirtualDroneConfig:
    """One virtual drone. Home is where it stands, facing ``heading_deg``.

    ``out`` is where the autopilot sends to, and where its orders come back from. ``truth_out`` are for
    virtual hardware only: where the drone *really* is, 50 times a second. ``ground_amsl_m`` is the height
    of the ground at (latitude, longitude); without it the ground is flat at ``home_alt_amsl_m``.
    """

    out: str = "udpout:127.0.0.1:14550"
    truth_out: tuple[str, ...] = ()
    home_lat_deg: float = -35.363262
    home_lon_deg: float = 149.165237
    home_alt_amsl_m: float = 584.0
    ground_amsl_m: Callable[[float, float], float] | None = None
    heading_deg: float = 353.0
    seed: int = 1
    speed: float = 1.0
    wind_m_s: float = 3.0
    wind_from_deg: float = 280.0
    gust_m_s: float = 0.5
    errors: SensorErrors = field(default_factory=SensorErrors)
    first_fix_s: float = 4.0
    utc_at_boot_s: float | None = None  # Unix time; None is now
    parameters: Mapping[str, float] = field(default_factory=dict)
    traffic: tuple[Aircraft, ...] = ()

    @property
    def site(self) -> Site:
        """Where it stands, and the air and ground around it."""
        ground = self.ground_amsl_m
        return Site(
            self.home_lat_deg,
            self.home_lon_deg,
            (lambda _lat, _lon: self.home_alt_amsl_m) if ground is None else ground,
            self.heading_deg,
            self.wind_m_s,
            self.wind_from_deg,
            self.gust_m_s,
        )
