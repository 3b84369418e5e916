"""Messages, keys and stations for the stories in this folder."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import uuid6
from PIL import Image
from pydantic import HttpUrl

from uplink.messages import (
    Alert,
    AlertState,
    DroneState,
    PatrolRoute,
    Position,
    Sha256,
)
from uplink.station.config import DroneConfig, StationConfig
from uplink.station.webhooks.config import WebhookConfig

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
DRONE = "ember-1"
OTHER_DRONE = "ember-2"
KEY = "k" * 32
OTHER_KEY = "o" * 32
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
HOME = Position(lat_deg=-35.363262, lon_deg=149.165237, alt_amsl_m=584.0)


def make_alert(
    alert_id: UUID | None = None,
    revision: int = 1,
    *,
    state: AlertState = AlertState.CONFIRMED,
    drone_id: str = DRONE,
    pictures: tuple[bytes, ...] = (),
    minutes: float = 0.0,
) -> Alert:
    """A fire seen at noon (or some minutes later), with the given pictures as evidence."""
    at = NOON + timedelta(minutes=minutes)
    evidence = [
        {
            "sha256": sha256_of(picture),
            "size_bytes": len(picture),
            "width_px": 64,
            "height_px": 64,
            "captured_at": at,
        }
        for picture in pictures
    ]
    return Alert.model_validate(
        {
            "id": alert_id or uuid6.uuid7(),
            "revision": revision,
            "drone_id": drone_id,
            "state": state,
            "label": "fire",
            "probability": 0.9,
            "score": 0.8,
            "looks": revision + 4,
            "first_seen_at": at,
            "last_seen_at": at,
            "confirmed_at": at,
            "time_source": "gnss",
            "position": HOME,
            "ellipse": {"semi_major_m": 12.0, "semi_minor_m": 7.0, "orientation_deg": 30.0},
            "method": "dem",
            "model_name": "test",
            "model_sha256": "0" * 64,
            "evidence": evidence,
        }
    )


def make_state(drone_id: str = DRONE, *, lat_deg: float = HOME.lat_deg, mode: str = "AUTO") -> DroneState:
    position = {"lat_deg": lat_deg, "lon_deg": HOME.lon_deg}
    return DroneState.model_validate(
        {"drone_id": drone_id, "at": NOON, "linked": True, "position": position, "mode": mode}
    )


def make_patrol(name: str = "ridge", drone_id: str = DRONE) -> PatrolRoute:
    return PatrolRoute(
        drone_id=drone_id,
        name=name,
        plan_sha256="0" * 64,
        aboard=True,
        route=[(149.1, -35.3), (149.2, -35.4)],
    )


def make_picture(text: str = "a fire", size: int = 0) -> bytes:
    """Bytes that begin as a JPEG does; nobody here decodes them."""
    return b"\xff\xd8\xff\xe0" + text.encode().ljust(size, b".")


def make_jpeg(number: int = 0, *, width_px: int = 64, height_px: int = 48) -> bytes:
    """A real picture, another for each number, and in it what nobody is to be shown: whose camera it was."""
    exif = Image.Exif()
    exif[0x010F] = "the maker's mark"
    colours = np.random.default_rng(number).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(colours).resize((width_px, height_px)).save(out, "JPEG", exif=exif)
    return out.getvalue()


def sha256_of(data: bytes) -> Sha256:
    return hashlib.sha256(data).hexdigest()


def by_hash(*pictures: bytes) -> dict[str, bytes]:
    return {sha256_of(picture): picture for picture in pictures}


def write_secret(path: Path, secret: str) -> Path:
    path.write_text(secret + "\n")
    path.chmod(0o600)
    return path


def make_config(folder: Path, *, port: int = 0, webhook_urls: tuple[str, ...] = ()) -> StationConfig:
    """A station on loopback with two drones; every webhook has ``SECRET``."""
    return StationConfig(
        host="127.0.0.1",
        port=port,
        data_dir=folder / "station",
        sign_in=False,
        drones=[
            DroneConfig(id=DRONE, key_file=write_secret(folder / "ember-1.key", KEY)),
            DroneConfig(id=OTHER_DRONE, key_file=write_secret(folder / "ember-2.key", OTHER_KEY)),
        ],
        webhooks=[
            WebhookConfig(
                url=HttpUrl(url),
                secret_file=write_secret(folder / "webhook.secret", SECRET),
                allow_private=True,
            )
            for url in webhook_urls
        ],
    )


def auth(key: str = KEY) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def as_json(message: Any) -> Any:
    return message.model_dump(mode="json")


async def eventually(condition: Callable[[], bool | Awaitable[bool]], *, timeout_s: float = 10.0) -> None:
    """Waits until something is so; fails when it never comes."""
    async with asyncio.timeout(timeout_s):
        while True:
            now = condition()
            if isinstance(now, bool):
                if now:
                    return
            elif await now:
                return
            await asyncio.sleep(0.005)
