"""What the configuration says of the feeds."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from uplink.paths import FilePath


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CapConfig(_Section):
    """Incidents as CAP 1.2 messages, for warning systems."""

    status: Literal["Actual", "Exercise", "Test"] = Field(
        default="Test",
        description="of every message; `Actual` only once who receives them has agreed to act on them",
    )
    sender: str = Field(
        default="emberwatch",
        max_length=128,
        pattern=r"^[^\s,<&]+$",
        description="who sends, for all the world: a name of your domain, as in fire@station.example.org",
    )
    sender_name: str = Field(default="", max_length=128, description="the same in words for people")
    scope: Literal["Public", "Restricted"] = Field(
        default="Restricted", description="whom the messages are for; `Public` lets receivers pass them on"
    )
    language: Literal["en", "zh-CN"] = Field(default="en", description="of the texts in a message")
    area: str = Field(
        default="",
        max_length=128,
        description="what the watched area is called; stands before the place in every message",
    )


class TakConfig(_Section):
    """Drones and fires on the maps of a TAK server, as Cursor on Target."""

    url: str = Field(
        pattern=r"^(tcp|tls|udp)://",
        description="where to: `tls://server:8089`, `tcp://server:8087` or `udp://239.2.3.1:6969`",
    )
    protocol: Literal["xml", "protobuf"] = Field(
        default="xml", description="TAK protocol: `xml` is version 0, which all read; `protobuf` version 1"
    )
    ca_file: FilePath | None = Field(
        default=None,
        description="of tls: certificates (PEM) that the server's has to go back to; without, the system's",
    )
    cert_file: FilePath | None = Field(
        default=None, description="of tls: the station's own certificate (PEM), where the server asks for one"
    )
    key_file: FilePath | None = Field(default=None, description="of tls: the certificate's key (PEM)")
    server_name: str = Field(
        default="",
        description="of tls: the name in the server's certificate, where it is not that of `url`",
    )
    stale_s: int = Field(
        default=120, ge=15, le=3600, description="after which a map may take off what it has not heard again"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        try:
            port = urlsplit(self.url).port
        except ValueError:
            port = None
        if not urlsplit(self.url).hostname or port is None:
            raise ValueError("url needs a host and a port, as in tls://tak.example.org:8089")
        if self.scheme != "tls" and (self.ca_file or self.cert_file or self.key_file or self.server_name):
            raise ValueError("ca_file, cert_file, key_file and server_name belong to a url with tls://")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together")
        return self

    @property
    def scheme(self) -> str:
        """`tcp`, `tls` or `udp`."""
        return urlsplit(self.url).scheme

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0
