"""What a station's configuration may say. Unknown keys are refused; secrets are in files only."""

from __future__ import annotations

import ipaddress
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, IPvAnyNetwork, model_validator

from uplink.messages import DroneId
from uplink.paths import FilePath
from uplink.station.basemap.config import MapConfig
from uplink.station.feeds.config import CapConfig, TakConfig
from uplink.station.incident_config import EscalationConfig, IncidentsConfig, rules_of
from uplink.station.incident_rules import IncidentRules
from uplink.station.webhooks.config import WebhookConfig


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DroneConfig(_Section):
    """A drone that may send."""

    id: DroneId = Field(
        description="the drone's name on the wire; the same as in the drone's own configuration"
    )
    key_file: FilePath = Field(
        description="file with the drone's key, one line; the drone has the same line in a file of its own"
    )


class RetentionConfig(_Section):
    """How long the station keeps what may go. Alerts, incidents, orders and the audit log stay."""

    media_days: float = Field(
        default=30.0,
        ge=1.0,
        description="pictures, counted from their arrival, and from when the last incident that they belong "
        "to was closed; open incidents and holds keep them",
    )
    telemetry_days: float = Field(
        default=90.0, ge=1.0, description="where drones were and how, and their flights"
    )
    deliveries_days: float = Field(
        default=90.0, ge=1.0, description="webhook deliveries that arrived or were given up"
    )


class StationConfig(_Section):
    """A ground station: one process, one data folder."""

    host: str = Field(
        default="127.0.0.1",
        description="address to listen on; anything but loopback needs TLS, for passwords and keys travel as "
        "they are",
    )
    names: list[str] = Field(
        default_factory=list,
        description="host names under which the station is reached, by itself or through a proxy with TLS; "
        "but for its own address it answers to no other then",
    )
    port: int = Field(default=8420, ge=0, le=65535, description="TCP port to listen on; 0 takes any free one")
    sign_in: bool = Field(
        default=True,
        description="whether people sign in; `false`, on loopback without `names` only: whoever sits at this "
        "machine is its admin",
    )
    tls_cert_file: FilePath | None = Field(
        default=None, description="certificate (PEM, with its chain) to serve https with; needs tls_key_file"
    )
    tls_key_file: FilePath | None = Field(default=None, description="the certificate's key (PEM)")
    proxies: list[IPvAnyNetwork] = Field(
        default_factory=list,
        description="addresses or networks of proxies in front of the station; only they are believed who a "
        "request comes from (`X-Forwarded-For`, `X-Forwarded-Proto`)",
    )
    data_dir: FilePath = Field(
        description="folder for everything the station keeps; made if it does not exist"
    )
    drones: list[DroneConfig] = Field(default_factory=list, description="the drones that may send")
    webhooks: list[WebhookConfig] = Field(
        default_factory=list, description="the systems that are told of alerts and incidents"
    )
    tip_expires_h: float = Field(
        default=24.0,
        gt=0,
        le=8760,
        description="a tip of another system that nobody works on stands for so many hours after it was told",
    )
    public_url: HttpUrl | None = Field(
        default=None,
        description="under which address people and other systems reach the station, as in "
        "https://station.example.org; links in webhooks begin with it",
    )

    dem: FilePath | None = Field(
        default=None,
        description="terrain model that patrols are planned on, and whose hills the map shows: GeoTIFF, "
        ".hgt, DTED, a zip with one, or a folder of tiles; left out: flat ground at the height of home",
    )
    retention: RetentionConfig = Field(
        default=RetentionConfig(), description="how long the station keeps what may go"
    )
    backup_dir: FilePath | None = Field(
        default=None,
        description="folder for the backups that admins make from the page, best on another disk; left out: "
        "`backups` in data_dir",
    )
    backup_keep: int = Field(
        default=14, ge=1, le=1000, description="so many of the newest backups in that folder stay"
    )
    incidents: IncidentsConfig = Field(
        default=IncidentsConfig(), description="how long people may take, and when a fire is a new one"
    )
    escalation: list[EscalationConfig] = Field(
        default_factory=list, description="who is told of missed targets, the lowest level first"
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="of the log on standard error; json: an object a line, for collectors"
    )

    map: MapConfig = Field(default_factory=MapConfig, description="what the page's map stands on")
    cap: CapConfig = Field(default_factory=CapConfig, description="incidents as CAP 1.2 messages")
    tak: TakConfig | None = Field(default=None, description="a TAK server to tell of drones and fires")

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        drones = [drone.id for drone in self.drones]
        urls = [str(webhook.url) for webhook in self.webhooks]
        called = [webhook.name for webhook in self.webhooks if webhook.name]
        levels = [level.name for level in self.escalation]
        for what, names in (("drone", drones), ("webhook", urls), ("webhook", called), ("level", levels)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} {twice[0]} is listed twice")
        return self

    @model_validator(mode="after")
    def _can_be_reached_safely(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file go together")
        if not self.sign_in and (self.names or not self.on_loopback):
            raise ValueError("sign_in = false is for a station on loopback without names")
        if self.names and self.on_loopback and not self.tls and not self.proxies:
            raise ValueError(
                "a station on loopback with names is reached through a proxy: say which, "
                'as in proxies = ["127.0.0.1"]'
            )
        return self

    @model_validator(mode="after")
    def _webhooks_name_levels_that_there_are(self) -> Self:
        known = [level.name for level in self.incident_rules.levels]
        for webhook in self.webhooks:
            for level in webhook.levels:
                if level not in known:
                    raise ValueError(
                        f"webhook {webhook.url.host}: there is no level {level!r}, only {', '.join(known)}"
                    )
        return self

    @property
    def incident_rules(self) -> IncidentRules:
        """How long people may take with incidents, and who is told when they take longer."""
        return rules_of(self.incidents, self.escalation)

    @property
    def tls(self) -> bool:
        """Whether the station speaks https by itself."""
        return self.tls_cert_file is not None

    @property
    def behind_https(self) -> bool:
        """Whether browsers reach it by https, so that cookies need not travel without."""
        return self.tls or bool(self.names and self.proxies)

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the station."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
