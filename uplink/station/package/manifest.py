"""What is in an evidence package, and how it is laid out.

    manifest.json    every other file with its size and SHA-256, and who made the package when
    manifest.sig     the station's Ed25519 signature over it
    README.txt       how to check all of it, with and without Emberwatch
    …

A file that the manifest does not name, or that is not as it says, is not the station's.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from uplink.messages import Message, Sha256, UtcTime

FORMAT: Literal["emberwatch package 1"] = "emberwatch package 1"
MANIFEST, SIGNATURE, README = "manifest.json", "manifest.sig", "README.txt"
KEY, KEY_PEM = "station-key.txt", "station-key.pem"
INCIDENT, ALERTS, TIMELINE, ORDERS = "incident.json", "alerts.json", "timeline.json", "orders.json"
AUDIT, POSITIONS, REPORT = "audit.json", "positions.geojson", "report.html"
ORIGINALS, COPIES = "originals/", "copies/"
NOT_LISTED = frozenset({MANIFEST, SIGNATURE})


class ManifestFile(Message):
    """One file of the package."""

    path: str = Field(min_length=1, max_length=200)
    size_bytes: int = Field(ge=0)
    sha256: Sha256
    what: str = Field(max_length=300)


class Missing(Message):
    """A picture that an alert names and that is not in the package in this form, and why."""

    sha256: Sha256
    form: Literal["original", "copy"]
    why: str = Field(max_length=300)


class AuditHead(Message):
    """The newest line of the station's audit log when the package was made: what it ended with then can be
    compared with the log itself."""

    number: int = Field(ge=0)
    hash: Sha256


class Manifest(Message):
    """All of it. Signed as the bytes that it is in the package."""

    format: Literal["emberwatch package 1"] = FORMAT
    id: UUID = Field(description="of this package; the station's audit log names it")
    incident_id: UUID
    made_at: UtcTime
    made_by: str
    station_key: str = Field(description="the public half, by which `manifest.sig` is checked")
    with_originals: bool
    blurred: list[Sha256] = Field(description="pictures of which only a copy with blurred parts is here")
    audit_head: AuditHead
    missing: list[Missing]
    files: list[ManifestFile]
