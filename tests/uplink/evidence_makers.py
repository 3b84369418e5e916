"""An incident with all that can be known of one: photos, poses, terrain, tracks, people and what they did."""

from __future__ import annotations

import io
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from uplink.messages import Alert
from uplink.station.config import StationConfig
from uplink.station.store.fleet import DroneChange
from uplink.station.store.media import MediaState

from .flight_makers import M_PER_DEG, NOON_S, told
from .incident_station import Clock, IncidentStation, Json, incident_station
from .makers import DRONE, NOON, OTHER_DRONE, auth, eventually, sha256_of

LAT_DEG, LON_DEG = 40.3592, 116.0196  # hills near Beijing, where maps are shifted
BOX_PX = (330.0, 190.0, 420.0, 270.0)


def photo(number: int, *, width_px: int = 800, height_px: int = 450) -> bytes:
    """Hills with smoke, each another."""
    rng = np.random.default_rng(number)
    image = Image.new("RGB", (width_px, height_px), (126, 158, 190))
    pen = ImageDraw.Draw(image)
    for row in range(4):
        ridge = [
            (x, 150 + 70 * row + 30 * math.sin(x / 90 + row * 2 + number))
            for x in range(0, width_px + 10, 10)
        ]
        pen.polygon([(0, height_px), *ridge, (width_px, height_px)], fill=(60 + 12 * row, 82 - 6 * row, 48))
    for _ in range(40):
        x, y = rng.normal(375, 22), rng.normal(215, 22)
        pen.ellipse([x - 14, y - 14, x + 14, y + 14], fill=(190, 186, 182))
    pen.ellipse([362, 240, 388, 262], fill=(255, 140, 40))
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "the maker's mark"
    image.filter(ImageFilter.GaussianBlur(1.2)).save(out, "JPEG", quality=85, exif=exif)
    return out.getvalue()


def rich_alert(number: int, drone_id: str, pictures: list[bytes], **more: Any) -> Alert:
    """Seen from 400 m off, with everything that a drone tells of it."""
    at = NOON + timedelta(seconds=60 + 20 * number)
    position = {"lat_deg": LAT_DEG + 6 * number / M_PER_DEG, "lon_deg": LON_DEG, "alt_amsl_m": 612.0}
    observer = {"lat_deg": LAT_DEG - 300 / M_PER_DEG, "lon_deg": LON_DEG - 0.003, "alt_amsl_m": 730.0}
    kinds = ("detection", "lead-up", "lead-up", "ground view")
    said = {
        "id": UUID(int=0x019F << 112 | 0x7 << 76 | 0x8 << 60 | number + 1),
        "revision": 3,
        "drone_id": drone_id,
        "state": "confirmed",
        "label": "fire",
        "probability": 0.94,
        "score": 0.81,
        "looks": 23,
        "first_seen_at": at - timedelta(seconds=8),
        "confirmed_at": at,
        "last_seen_at": at + timedelta(minutes=3),
        "time_source": "gnss",
        "position": position,
        "ellipse": {"semi_major_m": 14.0, "semi_minor_m": 8.0, "orientation_deg": 35.0},
        "covariance_m2": (20.0, 8.0, 30.0),
        "method": "dem",
        "slant_range_m": 421.0,
        "observer": observer,
        "bearing_deg": 40.0,
        "bearing_sigma_deg": 0.8,
        "model_name": "emberwatch-n-640",
        "model_sha256": sha256_of(b"the model"),
        "pose": {
            "at": at,
            "time_source": "gnss",
            "position": observer,
            "azimuth_deg": 38.2,
            "elevation_deg": -17.4,
            "roll_deg": 0.3,
            "horizontal_sigma_m": 1.2,
            "vertical_sigma_m": 2.0,
            "attitude_sigma_deg": 0.5,
            "heading_sigma_deg": 2.0,
            "gimbal_sigma_deg": 0.3,
            "time_sigma_s": 0.02,
            "camera": "siyi-a8",
            "hfov_deg": 81.0,
        },
        "terrain": {"name": "copernicus-glo30.tif", "sigma_m": 2.5, "resolution_m": 30.0},
        "area_m2": 140.0,
        "area_sigma_m2": 35.0,
        "growth_m2_per_min": 12.0,
        "growth_sigma_m2_per_min": 4.0,
        "evidence": [
            {
                "kind": kind,
                "sha256": sha256_of(data),
                "size_bytes": len(data),
                "width_px": 800,
                "height_px": 450,
                "captured_at": at - timedelta(seconds=index),
                "box_px": BOX_PX if kind == "detection" else None,
            }
            for index, (kind, data) in enumerate(zip(kinds, pictures, strict=False))
        ],
    }
    return Alert.model_validate(said | more)


async def send_pictures(station: IncidentStation, pictures: list[bytes]) -> None:
    """As a drone does, and until they have been checked."""
    for data in pictures:
        answer = await station.http.put(
            f"/media/{sha256_of(data)}", content=data, headers=auth() | {"Content-Type": "image/jpeg"}
        )
        assert answer.is_success, answer.text

    async def checked() -> bool:
        rows = await station.services.store.media.rows([sha256_of(data) for data in pictures])
        return all(row.state is MediaState.SHOWN for row in rows.values())

    await eventually(checked, timeout_s=60)


async def tell_tracks(station: IncidentStation) -> None:
    """Both drones fly past it."""
    changes = []
    for drone_id, side in ((DRONE, -1), (OTHER_DRONE, 1)):
        for at_s in range(0, 300, 4):
            place = {
                "lat_deg": LAT_DEG + (at_s - 150) * 2.4 / M_PER_DEG,
                "lon_deg": LON_DEG + side * (0.003 + 0.0006 * math.sin(at_s / 25)),
                "alt_amsl_m": 730.0,
            }
            sample = told(float(at_s), drone_id=drone_id, position=place)
            changes.append(DroneChange(sample.state, 0, [], 0, [sample]))
    await station.services.store.fleet.save(changes)


@asynccontextmanager
async def station_with_incident(
    folder: Path, *, config: StationConfig | None = None
) -> AsyncIterator[tuple[IncidentStation, Json]]:
    """A fire that two drones saw, and people have put out."""
    clock = Clock(NOON_S + 90.0)
    async with incident_station(folder, config, clock=clock) as station:
        first, second = [photo(number) for number in range(4)], [photo(10)]
        await tell_tracks(station)
        await station.put(rich_alert(0, DRONE, first), rich_alert(1, OTHER_DRONE, second))
        await send_pictures(station, [*first, *second])
        incident = await station.only()
        for wait_s, step, reason in (
            (40.0, "acknowledge", ""),
            (200.0, "dispatch", "两台水罐车"),
            (300.0, "confirm", "seen from the road"),
            (900.0, "note", "Wind turns to the <north> & rises"),
            (1800.0, "resolve", "out, and watched for an hour"),
        ):
            await station.after(wait_s)
            incident = await station.step(incident, step, reason)
        yield station, await station.get(incident)
