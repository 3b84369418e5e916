"""Patrols as people draw them, and a station that can plan them."""

from __future__ import annotations

from typing import Any

from edge.commands.station_verbs import PLANNER
from tests.edge.patrols.patrol_makers import box
from tests.flight.plan_makers import HOME, square

__all__ = ["PLANNER", "draft", "kml", "ring"]

CROSSED = [(-35.362, 149.161), (-35.364, 149.165), (-35.362, 149.165), (-35.364, 149.161)]


def ring(*metres: float) -> list[list[float]]:
    """A box of [latitude, longitude]: west, south, east, north in metres from home."""
    return [list(corner) for corner in box(*metres)]


def draft(**changes: Any) -> dict[str, Any]:
    """An area of 500 m by 400 m beside home, as a page sends it; what is None is left out."""
    patrol = {
        "name": "west paddock",
        "home": [HOME.lat_deg, HOME.lon_deg],
        "home_alt_amsl_m": HOME.alt_amsl_m,
        "area": ring(-550, -200, -50, 200),
        "camera": "virtual_78",
        "height_agl_m": 60.0,
        "fence": [list(place) for place in square(700.0)],
    } | changes
    return {"patrol": {name: value for name, value in patrol.items() if value is not None}}


def kml(geometry: str) -> bytes:
    """A file as Google Earth saves it."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
        f"<Placemark><name>north</name>{geometry}</Placemark></Document></kml>"
    ).encode()
