"""Writes alerts: what a hotspot has become, in the words of the wire, revision after revision."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from edge.evidence import FrameShelf
from edge.hotspot import Hotspot, HotspotChange, HotspotState, Seen
from edge.sighting import ellipse
from uplink.messages import Alert, AlertState, DroneId, ErrorEllipse, Evidence, Position

REMEMBERED_ALERTS = 512
LEAST_AXIS_M = 0.1


@dataclass(frozen=True, slots=True)
class Provenance:
    """The detector that an alert comes from."""

    model_name: str
    model_sha256: str


class AlertWriter:
    """Numbers the revisions of each alert and picks its picture from the frames at hand."""

    def __init__(self, drone_id: DroneId, shelf: FrameShelf) -> None:
        self._drone_id = drone_id
        self._shelf = shelf
        self._latest: OrderedDict[UUID, Alert] = OrderedDict()

    def write(
        self, change: HotspotChange, provenance: Provenance, time_source: Literal["gnss", "companion"]
    ) -> tuple[Alert, dict[str, bytes]]:
        """The alert's next revision, and the bytes of pictures that it shows for the first time, by SHA-256.

        A hotspot is only told once it was confirmed, so ``change.hotspot.confirmed`` is always there.
        """
        hotspot = change.hotspot
        before = self._latest.get(hotspot.id)
        evidence, media = self._evidence(hotspot, before)
        revision = before.revision + 1 if before else 1
        alert = self._alert(hotspot, revision, evidence, provenance, time_source)
        self._latest[hotspot.id] = alert
        self._latest.move_to_end(hotspot.id)
        while len(self._latest) > REMEMBERED_ALERTS:
            self._latest.popitem(last=False)
        return alert, media

    def _evidence(self, hotspot: Hotspot, before: Alert | None) -> tuple[list[Evidence], dict[str, bytes]]:
        """The clearest frame; the one told before stays when that is no longer at hand."""
        for seen in (hotspot.best, hotspot.latest):
            picture = self._shelf.at(seen.at_s)
            if picture is not None:
                evidence = picture.as_evidence(seen.sighting.box)
                known = before is not None and any(old.sha256 == evidence.sha256 for old in before.evidence)
                return [evidence], {} if known else {evidence.sha256: picture.jpeg}
            if before is not None and before.evidence:
                return list(before.evidence), {}
        return [], {}

    def _alert(
        self,
        hotspot: Hotspot,
        revision: int,
        evidence: list[Evidence],
        provenance: Provenance,
        time_source: Literal["gnss", "companion"],
    ) -> Alert:
        sighting = hotspot.latest.sighting
        pose = sighting.pose
        covariance = hotspot.covariance_m2
        assert hotspot.confirmed is not None  # noqa: S101 - see write()
        return Alert(
            id=hotspot.id,
            revision=revision,
            drone_id=self._drone_id,
            state=AlertState.LOST if hotspot.state is HotspotState.LOST else AlertState.CONFIRMED,
            label=hotspot.label,
            probability=min(1.0, max(0.0, hotspot.probability)),
            score=hotspot.best.sighting.score,
            looks=hotspot.looks,
            first_seen_at=_utc(hotspot.first),
            last_seen_at=_utc(hotspot.latest),
            confirmed_at=_utc(hotspot.confirmed),
            time_source=time_source,
            position=_position(hotspot),
            ellipse=_ellipse(hotspot),
            covariance_m2=None
            if covariance is None
            else (float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])),
            method=hotspot.method,
            slant_range_m=sighting.slant_range_m,
            observer=Position(lat_deg=pose.lat_deg, lon_deg=pose.lon_deg, alt_amsl_m=pose.alt_amsl_m),
            bearing_deg=hotspot.bearing_deg % 360.0,
            model_name=provenance.model_name,
            model_sha256=provenance.model_sha256,
            evidence=evidence,
        )


def _position(hotspot: Hotspot) -> Position | None:
    if hotspot.lat_deg is None or hotspot.lon_deg is None:
        return None
    return Position(lat_deg=hotspot.lat_deg, lon_deg=hotspot.lon_deg, alt_amsl_m=hotspot.alt_amsl_m)


def _ellipse(hotspot: Hotspot) -> ErrorEllipse | None:
    if hotspot.covariance_m2 is None:
        return None
    major_m, minor_m, orientation_deg = ellipse(hotspot.covariance_m2, 0.9)
    return ErrorEllipse(
        semi_major_m=max(major_m, LEAST_AXIS_M),
        semi_minor_m=max(minor_m, LEAST_AXIS_M),
        orientation_deg=orientation_deg,
        confidence=0.9,
    )


def _utc(seen: Seen) -> datetime:
    assert seen.utc is not None  # noqa: S101 - the agent dates every look, by its own clock if need be
    return seen.utc
