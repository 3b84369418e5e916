"""Renders the golden picture: ``python -m models.make.golden_picture`` writes ``models/weights/golden.jpg``.

The picture is the yardstick of every model's metadata key ``golden``. It is only to be made anew together
with all of them.
"""

from __future__ import annotations

from dataclasses import replace

import cv2

from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose
from hardware.virtual.world.noise import Bytes
from hardware.virtual.world.plume import Plume
from hardware.virtual.world.scenes import Scene, Stage
from models.golden import GOLDEN_PICTURE

SEED = 900_001
SIZE_PX = (960, 540)
JPEG_QUALITY = 88
FIRES = (
    # East and north of the camera, radius and height of the flames, in metres; smoke or none. Far apart:
    # where boxes of one class overlap, the smallest difference decides which of them is kept.
    (-30.0, 62.0, 4.0, 4.5, True),
    (34.0, 78.0, 5.0, 0.0, True),
    (14.0, 46.0, 3.0, 3.5, False),
    (4.0, 84.0, 5.0, 5.0, False),
)


def render() -> Bytes:
    """Fires of several sizes, with and without smoke, at noon and seen from 60 m up."""
    world = replace(Stage.of(SEED, "eucalypt").world, look_alikes=())
    fires = [
        world.fire_at(
            f"fire-{index}",
            east_m,
            north_m,
            radius_m=radius_m,
            flame_height_m=flame_m,
            seed=index,
            plume=Plume(
                density=0.75,
                colour=(205.0, 205.0, 203.0),
                rise_m_s=2.5,
                life_s=16.0,
                radius_m=0.5 * radius_m,
                growth_m_s=0.5,
                puffs=24,
                seed=index,
                spread_m=1.6,
            )
            if smokes
            else None,
        )
        for index, (east_m, north_m, radius_m, flame_m, smokes) in enumerate(FIRES, start=1)
    ]
    lat, lon = world.frame.to_geographic(0.0, 0.0)
    pose = TruePose.looking(
        float(lat), float(lon), fires[0].alt_amsl_m + 60.0, yaw_deg=0.0, pitch_deg=-42.0, time_s=100.0
    )
    image, _ = Scene(
        world.with_fires(fires).with_light("noon"), pose, VirtualLens(*SIZE_PX), "patrol"
    ).shoot()
    return image


def main() -> None:
    cv2.imwrite(str(GOLDEN_PICTURE), render(), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


if __name__ == "__main__":
    main()
