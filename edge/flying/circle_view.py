"""How much of a circle on the ground was really in view: what was not says nothing about fire."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge.geometry.depth import DepthPicture
from edge.hotspots.hotspot import HotspotConfig, Look
from flight.local_frame import LocalFrame
from flight.plans.fence import Circle
from flight.terrain import FlatTerrain

FloatArray = NDArray[np.float64]

POINTS = 400
RANGE_M = 500.0  # as in the coverage of a patrol
LEAST_PERIOD_S = 0.5
ENOUGH_LOOKS = HotspotConfig().confirm_looks  # in fewer pictures no fire is confirmed either
DEPTH_RAYS = (25, 49)  # far off the ground falls away quickly from row to row
DEPTH_SLACK, DEPTH_SLACK_M = 1.05, 8.0  # terrain between those rays
_TURN_RAD = math.pi * (3.0 - math.sqrt(5.0))  # of a sunflower's seeds, which lie evenly


class CircleView:
    """Of one circle. Give it looks; it takes no more than two a second."""

    def __init__(self, circle: Circle) -> None:
        numbers = np.arange(POINTS)
        away_m = circle.radius_m * np.sqrt((numbers + 0.5) / POINTS)
        frame = LocalFrame(circle.lat_deg, circle.lon_deg, 0.0)
        self._lat_deg, self._lon_deg, _ = frame.to_geodetic(
            away_m * np.cos(numbers * _TURN_RAD), away_m * np.sin(numbers * _TURN_RAD), np.zeros(POINTS)
        )
        self._looks = np.zeros(POINTS, np.int32)
        self._looked_s = -math.inf

    @property
    def share(self) -> float:
        """Of the circle: ground that was in enough pictures for a fire on it to be confirmed."""
        return float((self._looks >= ENOUGH_LOOKS).mean())

    def look(self, look: Look) -> None:
        """Take in a frame that was looked at and could be placed; one that is not sound saw no ground."""
        if 0.0 <= look.at_s - self._looked_s < LEAST_PERIOD_S or not look.sound:
            return
        self._looked_s = look.at_s
        pose, camera = look.pose, look.camera
        ground = look.terrain or FlatTerrain(pose.alt_amsl_m - pose.height_home_m)
        here = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
        height_m = ground.height_amsl_m(self._lat_deg, self._lon_deg)
        points = np.stack(here.from_geodetic(self._lat_deg, self._lon_deg, height_m), axis=1)
        slant_m = np.linalg.norm(points, axis=1)
        near = np.flatnonzero(slant_m <= RANGE_M)  # NaN, where nothing is known, is not
        pixels = camera.project(points[near] @ pose.camera_to_enu)
        shown = camera.contains(pixels)
        near, pixels = near[shown], pixels[shown]
        if near.size:
            depth = DepthPicture.take(
                pose, camera, ground, RANGE_M, shape=DEPTH_RAYS, slack=DEPTH_SLACK, slack_m=DEPTH_SLACK_M
            )
            near = near[depth.shows(pixels, slant_m[near])]
        self._looks[near] += 1
