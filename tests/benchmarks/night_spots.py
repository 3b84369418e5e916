"""`python -m tests.benchmarks.night_spots`: fits the probability of a hot spot that ``edge.thermal.hot`` has.

Every hot spot of rendered nights, with limits that leave most of what is only warm in, and whether a fire is
there; a logistic regression on it. The seeds are not those that night patrols are judged on.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.optimize import minimize

from edge.thermal.hot import FROM_C, Limits, features, find_hot, radiance
from hardware.virtual.thermal.render import ThermalRenderer
from hardware.virtual.thermal.sensor import CORES
from tests.benchmarks.night_scenes import night_scene

FIRST_SEED, WITHOUT_FIRE, PATROLS = 8000, 500, 12
CORES_FITTED = ("lepton_3_5", "boson_320")
LOOSE = {"floor_c": 15.0, "contrast_k": 10.0}
NEAR_PX, LEAST_VISIBLE = 2.0, 0.1
STIFF = 0.05
FloatArray = NDArray[np.float64]


def gather(core_name: str, seed: int, *, burning: bool) -> tuple[list[list[float]], list[bool]]:
    """The spots of one patrol, as features, and which are fires."""
    core, night = CORES[core_name], night_scene(seed, burning=burning)
    renderer = ThermalRenderer(
        night.scene.world,
        core,
        night.weather,
        night.things,
        seed=seed,
        shutter_from_s=night.shutter_from_s,
    )
    limits = Limits(**LOOSE, hottest_k=core.hottest_k)
    rows, fires = [], []
    for pose in night.scene.true_poses:
        counts, truth = renderer.render_with_truth(pose)
        if renderer.sensor.shutter_is_closed(pose.time_s):
            continue
        for spot in find_hot(np.asarray(counts * core.kelvin_per_count, np.float32), limits):
            u, v = (spot.x1 + spot.x2) / 2, (spot.y1 + spot.y2) / 2
            here = [
                one.visible_fraction
                for one in truth
                if one.x1 - NEAR_PX <= u <= one.x2 + NEAR_PX and one.y1 - NEAR_PX <= v <= one.y2 + NEAR_PX
            ]
            if here and max(here) < LEAST_VISIBLE:
                continue
            assert spot.heat is not None
            peak, around = (
                radiance(np.float32(FROM_C + celsius)) for celsius in (spot.heat.peak_c, spot.heat.around_c)
            )
            rows.append(list(features(float(peak - around), spot.heat.size_px)))
            fires.append(bool(here))
    return rows, fires


def fit(rows: FloatArray, fires: FloatArray) -> FloatArray:
    """The weights of the likeliest logistic regression, hardly held back."""

    def unlikely(weights: FloatArray) -> float:
        logit = rows @ weights
        return float((np.logaddexp(0, logit) - fires * logit).sum() + STIFF * (weights[:-1] ** 2).sum())

    return np.asarray(minimize(unlikely, np.zeros(rows.shape[1])).x, np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.night_spots", description=__doc__)
    parser.add_argument(
        "--patrols", type=int, default=PATROLS, help="so many with fires, and as many without"
    )
    asked = parser.parse_args()
    jobs = [
        (core, number, b) for core in CORES_FITTED for number in range(asked.patrols) for b in (True, False)
    ]
    rows: list[list[float]] = []
    fires: list[bool] = []
    console = Console()
    for core, number, burning in track(jobs, "gathering", console=console, transient=True):
        seed = FIRST_SEED + number + (0 if burning else WITHOUT_FIRE)
        more = gather(core, seed, burning=burning)
        rows += more[0]
        fires += more[1]
    table, truth = np.array(rows), np.array(fires, np.float64)
    weights = fit(table, truth)
    told = 1 / (1 + np.exp(-(table @ weights)))
    console.print(f"{len(truth)} spots, {int(truth.sum())} of fires; WEIGHTS = {weights.round(2).tolist()}")
    for low, high in ((0, 0.1), (0.1, 0.5), (0.5, 0.9), (0.9, 1.01)):
        here = (told >= low) & (told < high)
        if here.any():
            console.print(f"told {told[here].mean():.3f}, true {truth[here].mean():.3f}, {here.sum()} spots")


if __name__ == "__main__":
    main()
