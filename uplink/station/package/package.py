"""An evidence package: all that the station knows of one incident, in a zip that can be checked.

It is written while it is sent, a page of the database and a piece of a picture at a time, so that one of five
hundred photos takes no more memory than one of five. Whatever is not in it is named with the reason.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from uplink.messages import Sha256
from uplink.order_signing import StationKey, StationPublicKey
from uplink.station.answers import StoredAlert
from uplink.station.package import manifest as names
from uplink.station.package.manifest import AuditHead, Manifest, Missing
from uplink.station.package.positions import position_features
from uplink.station.package.readme import readme_text
from uplink.station.package.zip_stream import ZipStream
from uplink.station.picture_export import Box, blurred
from uplink.station.report.facts import Facts, Picture, gather
from uplink.station.report.report import Photo, photo_from_blurred, photo_of, render, why_not_shown
from uplink.station.report.words import Language
from uplink.station.store.audit import Deed
from uplink.station.store.incident_reading import Revision
from uplink.station.store.media import MediaRow, MediaState
from uplink.station.store.store import Store

PAGE = 200
PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be in it. ``blur`` gives boxes in pixels by picture; no original leaves the house then."""

    id: UUID
    incident_id: UUID
    made_at: datetime
    made_by: str
    language: Language = "en"
    zone: ZoneInfo | None = None
    with_originals: bool = True
    blur: Mapping[Sha256, Sequence[Box]] = field(default_factory=dict)


@dataclass(slots=True)
class _State:
    """What is noted on the way, a few bytes for each thing."""

    alert_ids: list[str] = field(default_factory=list)
    pictures: list[Sha256] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)


async def package(
    store: Store, key: StationKey, wanted: Wanted, facts: Facts, *, clock: Callable[[], float]
) -> AsyncIterator[bytes]:
    """The zip in pieces. ``facts`` is what ``gather`` gave for this incident."""
    zip_stream, state = ZipStream(wanted.made_at), _State()
    state.pictures = await store.incidents.pictures(facts.incident.id)
    head = AuditHead(**dict(zip(("number", "hash"), await store.audit.head(), strict=True)))
    parts = _Parts(store, wanted, facts, state, head)
    incident = facts.incident
    documents: list[tuple[str, str, AsyncIterator[bytes]]] = [
        (names.INCIDENT, "the incident as it stood", _one(_json(incident.model_dump(mode="json")))),
        (names.ALERTS, "its alerts, each with when its revisions came", parts.alerts()),
        (names.TIMELINE, "what was told, what people did, when and why", parts.timeline()),
        (names.ORDERS, "what was ordered of drones about it", parts.orders()),
        (names.POSITIONS, "places with their errors, and tracks; WGS 84", parts.positions()),
        (names.REPORT, "all of it to be read and printed", parts.report()),
    ]
    for path, what, pieces in documents:
        async for ready in zip_stream.add(path, what, pieces):
            yield ready
    async for ready in parts.add_pictures(zip_stream):
        yield ready
    async for ready in zip_stream.add(
        names.AUDIT, "lines of the audit log about it, with their chain", parts.audit()
    ):
        yield ready
    public = StationPublicKey.parse(key.public)
    made = Manifest(
        id=wanted.id,
        incident_id=incident.id,
        made_at=wanted.made_at,
        made_by=wanted.made_by,
        station_key=key.public,
        with_originals=wanted.with_originals,
        blurred=sorted(wanted.blur),
        audit_head=head,
        missing=state.missing,
        files=[],
    )
    for path, what, text in (
        (names.README, "how to check all of it", readme_text(made)),
        (names.KEY, "the station's public key", key.public + "\n"),
        (names.KEY_PEM, "the same for other programs", public.pem),
    ):
        async for ready in zip_stream.add(path, what, _one(text.encode())):
            yield ready
    body = made.model_copy(update={"files": list(zip_stream.files)}).model_dump_json(indent=1).encode()
    for path, data in ((names.MANIFEST, body), (names.SIGNATURE, (key.seal(body) + "\n").encode())):
        async for ready in zip_stream.add(path, "", _one(data)):
            yield ready
    yield zip_stream.finish()
    detail = {"package": str(wanted.id), "manifest_sha256": hashlib.sha256(body).hexdigest()}
    deed = Deed(wanted.made_by, "incident.package_made", str(incident.id), detail)
    await store.audit.write(deed, now_s=clock())


class _Parts:
    """The files, each a page at a time."""

    def __init__(self, store: Store, wanted: Wanted, facts: Facts, state: _State, head: AuditHead) -> None:
        self._store = store
        self._wanted = wanted
        self._facts = facts
        self._state = state
        self._head = head

    async def alerts(self) -> AsyncIterator[bytes]:
        """On the way it notes which ones there are."""
        first = True
        async for page in self._alert_pages():
            revisions = await self._store.incidents.revisions([alert.id for alert in page])
            for alert in page:
                self._state.alert_ids.append(str(alert.id))
                told = [_revision(one) for one in revisions.get(alert.id, [])]
                text = _json({**alert.model_dump(mode="json"), "revisions": told})
                yield (b"[\n" if first else b",\n") + text
                first = False
        yield b"[]\n" if first else b"\n]\n"

    async def timeline(self) -> AsyncIterator[bytes]:
        first, offset = True, 0
        while page := (await self._store.incidents.timeline(self._facts.incident.id, PAGE, offset)).entries:
            offset += len(page)
            lines = [_json(entry.model_dump(mode="json")) for entry in page]
            yield (b"[\n" if first else b",\n") + b",\n".join(lines)
            first = False
        yield b"[]\n" if first else b"\n]\n"

    async def orders(self) -> AsyncIterator[bytes]:
        orders = await self._store.orders.about_alerts(self._state.alert_ids)
        yield _json([order.model_dump(mode="json") for order in orders])

    async def positions(self) -> AsyncIterator[bytes]:
        yield b'{"type": "FeatureCollection", "features": [\n'
        text = ",\n".join(
            json.dumps(feature, ensure_ascii=False)
            for feature in position_features(self._facts.incident, self._facts.tracks)
        )
        yield text.encode()
        async for page in self._alert_pages():
            for alert in page:
                for feature in position_features(alert, {}):
                    yield b",\n" + json.dumps(feature, ensure_ascii=False).encode()
        yield b"\n]}\n"

    async def report(self) -> AsyncIterator[bytes]:
        pieces = render(self._facts, self._photo, language=self._wanted.language, zone=self._wanted.zone)
        while (text := await asyncio.to_thread(_next, pieces)) is not None:
            yield text.encode()

    async def audit(self) -> AsyncIterator[bytes]:
        """About the incident, whatever it was called, and about its alerts, pictures and orders."""
        incident = self._facts.incident
        orders = await self._store.orders.about_alerts(self._state.alert_ids)
        ids = [
            str(incident.id),
            *map(str, incident.aliases),
            *self._state.alert_ids,
            *self._state.pictures,
            *(str(order.id) for order in orders),
        ]
        first, after = True, 0
        while page := await self._store.audit.about(ids, PAGE, after=after, until=self._head.number):
            after = page[-1].number
            lines = [line.model_dump_json().encode() for line in page]
            yield (b"[\n" if first else b",\n") + b",\n".join(lines)
            first = False
        yield b"[]\n" if first else b"\n]\n"

    async def add_pictures(self, zip_stream: ZipStream) -> AsyncIterator[bytes]:
        """First all that can be lost, the originals, then the copies."""
        known = self._state.pictures
        for start in range(0, len(known), PAGE):
            page = known[start : start + PAGE]
            rows = await self._store.media.rows(page)
            for sha256 in page:
                async for ready in self._add_original(zip_stream, sha256, rows.get(sha256)):
                    yield ready
                async for ready in self._add_copy(zip_stream, sha256, rows.get(sha256)):
                    yield ready

    async def _add_original(
        self, zip_stream: ZipStream, sha256: Sha256, row: MediaRow | None
    ) -> AsyncIterator[bytes]:
        if not self._wanted.with_originals:
            return
        path = self._store.media.original(sha256)
        why = _why_no_original(row)
        if not why and not path.is_file():
            why = "its file is not on the station's disk"
        if why:
            self._state.missing.append(Missing(sha256=sha256, form="original", why=why))
            return
        flaw = f"; it could not be decoded: {row.flaw}" if row is not None and row.flaw else ""
        what = f"as it came from {row.drone_id}{flaw}" if row is not None else ""
        name = f"{names.ORIGINALS}{sha256}.jpg"
        async for ready in zip_stream.add(name, what[:300], _pieces(path), pressed=False):
            yield ready

    async def _add_copy(
        self, zip_stream: ZipStream, sha256: Sha256, row: MediaRow | None
    ) -> AsyncIterator[bytes]:
        path = self._store.media.shown(sha256)
        why = _why_no_copy(row)
        if not why and not path.is_file():
            why = "its copy is being made anew"
        if why:
            self._state.missing.append(Missing(sha256=sha256, form="copy", why=why))
            return
        boxes = self._wanted.blur.get(sha256)
        if boxes is None:
            name, what, pieces = f"{sha256}.jpg", "made anew from the original", _pieces(path)
        else:
            jpeg = await asyncio.to_thread(blurred, path, boxes)
            name, what, pieces = f"{sha256}-blurred.jpg", f"made anew, {len(boxes)} parts blurred", _one(jpeg)
        async for ready in zip_stream.add(f"{names.COPIES}{name}", what, pieces, pressed=False):
            yield ready

    def _photo(self, picture: Picture) -> Photo:
        """In the report, as in the package."""
        sha256 = picture.evidence.sha256
        path = self._store.media.shown(sha256)
        if why := why_not_shown(picture.row):
            return Photo(why=why)
        try:
            boxes = self._wanted.blur.get(sha256)
            return photo_of(path) if boxes is None else photo_from_blurred(blurred(path, boxes))
        except OSError:
            return Photo(why="not_here")

    async def _alert_pages(self) -> AsyncIterator[list[StoredAlert]]:
        last: StoredAlert | None = None
        while page := await self._store.incidents.members(self._facts.incident.id, PAGE, last):
            yield page
            last = page[-1]


async def facts_for(store: Store, key: StationKey, wanted: Wanted) -> Facts:
    """Raises as ``IncidentReader.get`` does."""
    return await gather(
        store,
        wanted.incident_id,
        made_at=wanted.made_at,
        made_by=wanted.made_by,
        station_key=key.public,
    )


def _why_no_original(row: MediaRow | None) -> str:
    if row is None:
        return "it never came to the station"
    return "it is no longer kept" if row.state in (MediaState.LEAVING, MediaState.GONE) else ""


def _why_no_copy(row: MediaRow | None) -> str:
    if row is not None and row.state is MediaState.QUARANTINED:
        return f"it could not be decoded: {row.flaw}"[:300]
    if row is not None and row.state is MediaState.UNCHECKED:
        return "it was not checked yet"
    return _why_no_original(row)


def _revision(revision: Revision) -> dict[str, Any]:
    return {
        "revision": revision.revision,
        "received_at": revision.received_at.isoformat(),
        "state": revision.state,
        "last_seen_at": revision.last_seen_at.isoformat(),
    }


async def _one(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece


def _next(pieces: Iterator[str], at_least: int = 65_536) -> str | None:
    """Many small pieces as one; None at the end."""
    text: list[str] = []
    length = 0
    for piece in pieces:
        text.append(piece)
        length += len(piece)
        if length >= at_least:
            break
    return "".join(text) or None


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
