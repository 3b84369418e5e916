"""What a station's configuration may say. Unknown keys are refused; secrets are in files only."""

from __future__ import annotations

import ipaddress
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, model_validator

from uplink.gcj02 import Datum
from uplink.messages import DroneId
from uplink.paths import FilePath


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


class OperatorConfig(_Section):
    """A person who may give orders to drones."""

    name: str = Field(
        min_length=1, max_length=64, description="as it stands in the order log and on every page"
    )
    key_file: FilePath = Field(
        description="file with the operator's key, one line; the operator types the same line into the page"
    )


class WebhookConfig(_Section):
    """A system that is told of every alert."""

    url: HttpUrl = Field(description="where events are posted to; redirects are not followed")
    secret_file: FilePath = Field(
        description="file with the signing secret of this endpoint (Standard Webhooks): whsec_ and base64"
    )
    datum: Datum = Field(
        default="wgs84",
        description="of its positions, which each name their own; `gcj02` for maps of mainland China",
    )


class StationConfig(_Section):
    """A ground station: one process, one data folder."""

    host: str = Field(
        default="127.0.0.1",
        description="address to listen on; reading is open to whoever can reach it, so anything but loopback "
        "belongs into a trusted network",
    )
    names: list[str] = Field(
        default_factory=list,
        description="host names under which a proxy with TLS in front of the station is reached; orders then "
        "need operators, on loopback too",
    )
    port: int = Field(default=8420, ge=0, le=65535, description="TCP port to listen on; 0 takes any free one")
    data_dir: FilePath = Field(
        description="folder for everything the station keeps; made if it does not exist"
    )
    drones: list[DroneConfig] = Field(default_factory=list, description="the drones that may send")
    operators: list[OperatorConfig] = Field(
        default_factory=list,
        description="the people who may give orders; without any, orders are taken on loopback only",
    )
    webhooks: list[WebhookConfig] = Field(
        default_factory=list, description="the systems that are told of every alert"
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        drones = [drone.id for drone in self.drones]
        urls = [str(webhook.url) for webhook in self.webhooks]
        people = [operator.name for operator in self.operators]
        for what, names in (("drone", drones), ("operator", people), ("webhook", urls)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} {twice[0]} is listed twice")
        return self

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the station."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
