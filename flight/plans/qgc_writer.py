"""Writes QGroundControl's ``.plan`` files; ``flight.plans.qgc`` reads them and names the format."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flight.plans.fence import Circle, Fence, Polygon, RallyPoint
from flight.plans.items import HAS_POSITION, PLAIN_FRAME, Frame, MissionItem

FILE_VERSION = 1
MISSION_VERSION = 2
FENCE_VERSION = 2
RALLY_VERSION = 2
FIRMWARE_ARDUPILOT = 3  # MAV_AUTOPILOT_ARDUPILOTMEGA
VEHICLE_QUADROTOR = 2  # MAV_TYPE_QUADROTOR
# QGroundControl's AltMode; 3 is "above terrain, worked out by the station", which is frame 0 in the file.
ALTITUDE_MODE = {Frame.GLOBAL_RELATIVE_ALT: 1, Frame.GLOBAL: 2, Frame.GLOBAL_TERRAIN_ALT: 4}


def to_bytes(
    items: Iterable[MissionItem],
    home: tuple[float, float, float],
    fence: Fence | None,
    rally: Sequence[RallyPoint],
) -> bytes:
    """A plan file. ``home`` is latitude, longitude and altitude; ``items`` have home as item 0."""
    document = {
        "fileType": "Plan",
        "version": FILE_VERSION,
        "groundStation": "Emberwatch",
        "mission": {
            "version": MISSION_VERSION,
            "firmwareType": FIRMWARE_ARDUPILOT,
            "vehicleType": VEHICLE_QUADROTOR,
            "cruiseSpeed": 15,
            "hoverSpeed": 5,
            "globalPlanAltitudeMode": 1,
            "plannedHomePosition": list(home),
            "items": [_to_json(item) for item in items if item.seq > 0],
        },
        "geoFence": _fence_to_json(fence or Fence()),
        "rallyPoints": {
            "points": [[point.lat_deg, point.lon_deg, point.height_home_m] for point in rally],
            "version": RALLY_VERSION,
        },
    }
    return (json.dumps(document, indent=4, allow_nan=False) + "\n").encode()


def _to_json(item: MissionItem) -> Mapping[str, Any]:
    params: list[float | None] = [None if math.isnan(value) else value for value in item.params]
    has_position = item.command in HAS_POSITION
    frame = PLAIN_FRAME.get(item.frame, item.frame)
    if not has_position:
        params += [item.lat_e7, item.lon_e7]
    elif item.lat_e7 == 0 and item.lon_e7 == 0:
        params += [
            None,
            None,
        ]  # "where you are": as numbers, QGroundControl would draw it in the Gulf of Guinea
    else:
        params += [item.lat_deg, item.lon_deg]
    step: dict[str, Any] = {
        "type": "SimpleItem",
        "doJumpId": item.seq,
        "command": item.command,
        "frame": frame,
        "params": [*params, item.alt_m],
        "autoContinue": item.autocontinue,
    }
    mode = ALTITUDE_MODE.get(Frame(frame))
    if has_position and mode is not None:
        step |= {"Altitude": item.alt_m, "AltitudeMode": mode, "AMSLAltAboveTerrain": None}
    return step


def _fence_to_json(fence: Fence) -> dict[str, Any]:
    circles: list[dict[str, Any]] = []
    polygons: list[dict[str, Any]] = []
    for zones, inclusion in ((fence.inclusions, True), (fence.exclusions, False)):
        for zone in zones:
            if isinstance(zone, Circle):
                circle = {"center": [zone.lat_deg, zone.lon_deg], "radius": zone.radius_m}
                circles.append({"circle": circle, "inclusion": inclusion, "version": 1})
            elif isinstance(zone, Polygon):
                corners = [list(vertex) for vertex in zone.vertices]
                polygons.append({"polygon": corners, "inclusion": inclusion, "version": 1})
    return {"circles": circles, "polygons": polygons, "version": FENCE_VERSION}
