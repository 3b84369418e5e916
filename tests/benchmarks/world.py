"""How many frames a second the virtual camera makes on one core."""

from __future__ import annotations

import statistics
import time

import cv2

from hardware.virtual.demo_world import demo_world
from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose
from hardware.virtual.render.render import Renderer
from tests.benchmarks.table import Row

FRAMES = 30


def rows() -> list[Row]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        world = demo_world(1)
        renderer = Renderer(world, VirtualLens(1280, 720))
        frame = world.ground.frame
        home_amsl_m = float(world.ground_amsl_m(frame.lat_deg, frame.lon_deg))
        times_s = []
        for number in range(FRAMES + 1):
            pose = TruePose.looking(
                frame.lat_deg,
                frame.lon_deg,
                home_amsl_m + 80,
                yaw_deg=12.0 * number,
                pitch_deg=-42,
                time_s=0.1 * number,
            )
            started_s = time.perf_counter()
            renderer.render(pose)
            times_s.append(time.perf_counter() - started_s)
    finally:
        cv2.setNumThreads(threads)
    per_s = 1.0 / statistics.median(times_s[1:])  # the first one paints the ground
    return [Row("rendered frames a second, 1280×720, one core", f"{per_s:.1f}", "≥ 10")]
