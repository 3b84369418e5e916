"""Whether a fire is where we say, and as surely as we say: seeded trials with known truth.

`python -m tests.benchmarks.geolocation [--trials N]` prints the table and writes it, with plots of the error
against the distance and of what the 90 % ellipses hold, to runs/geolocation*. The trials' noise is that of a
hobby-grade autopilot: GNSS 1.5 m to the side (1 m of it common to a flight) and 2.5 m in height, attitude and
gimbal 0.5°, heading 2°, time 10 ms at 10 m/s, elevation model 3 m correlated over 100 m; and 3 pixels of the
box and 0.5 % of the focal length. The world and the reference are in files of their own beside this one.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.geometry.locate import locate
from edge.hotspots.fusion import fuse
from models.make.intervals import Share
from tests.benchmarks import geolocation_cost
from tests.benchmarks.geolocation_reference import bound_m2, posterior
from tests.benchmarks.geolocation_world import (
    BASE_AMSL_M,
    CAMERA,
    PIXEL_SIGMA_PX,
    PLACE,
    Common,
    View,
    WavyTerrain,
    draw_error,
    draw_hills,
    draw_view,
    is_clear,
    look,
    stand,
)
from tests.benchmarks.table import Row, markdown

FloatArray = NDArray[np.float64]
Trials = NDArray[np.void]

TRIALS, CHUNK = 10_000, 125
TABLE_FILE = Path("runs/geolocation.md")
ERROR_PLOT, COVERAGE_PLOT = Path("runs/geolocation-error.png"), Path("runs/geolocation-coverage.png")
# Fused trials are of 60 views each: so many times fewer of them.
FUSED_PART, VIEWS, BETWEEN_VIEWS_S = 25, 60, 2.0
SPREADS_DEG = (180.0, 60.0)
FUSED_SLANT_M, FUSED_DEPRESSION_DEG = (80.0, 300.0), (30.0, 45.0)
BIAS_DEG = 3.0
GRAZING_DEG = 15.0
INSIDE = -2 * math.log(0.1)
PIXEL_COVARIANCE_PX2 = PIXEL_SIGMA_PX**2 * np.eye(2)

SINGLE = np.dtype(
    [
        (name, float)
        for name in ("slant_m", "incidence_deg", "along_m", "across_m", "d2", "reference_m", "flat_m")
    ]
    + [("flagged", bool), ("placed", bool)]
)
FUSED = np.dtype(
    [(name, float) for name in ("spread_deg", "error_m", "d2", "bound_m2")]
    + [("is_biased", bool), ("single_m", float, VIEWS)]
)


def rows(trials: int = TRIALS) -> list[Row]:
    """Runs the trials, writes table and plots."""
    single, fused = run(trials)
    found = [*_single_rows(single), *_honesty_rows(single), *_fused_rows(fused), *geolocation_cost.rows()]
    TABLE_FILE.parent.mkdir(exist_ok=True)
    TABLE_FILE.write_text(markdown(found), encoding="utf-8")
    plot(single)
    return found


def run(trials: int) -> tuple[Trials, Trials]:
    """Single views and fused ones. The same seeds give the same trials, on however many processes."""
    chunks = math.ceil(trials / CHUNK)
    flights = math.ceil(trials / FUSED_PART)
    # Not forked: the other benchmarks leave threads behind.
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        single = list(pool.map(_single_chunk, range(chunks)))
        fused = list(pool.map(_flight, range(flights), chunksize=4))
    return np.concatenate(single)[:trials], np.concatenate(fused)


def _single_chunk(seed: int) -> Trials:
    rng = np.random.default_rng([1, seed])
    return np.array([_single(draw_view(rng), rng) for _ in range(CHUNK)], SINGLE)


def _single(view: View, rng: np.random.Generator) -> tuple[Any, ...]:
    pixel = (float(view.pixel[0]), float(view.pixel[1]))
    sighting = locate(view.told.pose(), CAMERA, pixel, PIXEL_COVARIANCE_PX2, WavyTerrain(view.dem))
    ahead = (view.fire_m - view.true.at_m)[:2] / np.linalg.norm((view.fire_m - view.true.at_m)[:2])
    particles = posterior(view, rng)
    error_m, d2 = _miss(sighting)
    return (
        view.slant_m,
        view.incidence_deg,
        error_m @ ahead,
        error_m @ (-ahead[1], ahead[0]),
        d2,
        np.linalg.norm(particles.mean(axis=0)) if len(particles) else math.nan,
        np.linalg.norm(_on_flat_ground(view)),
        sighting.grazing,
        sighting.lat_deg is not None,
    )


def _on_flat_ground(view: View) -> FloatArray:
    """East and north where the ray meets a plane as high as the ground right below the drone."""
    height_m = view.told.at_m[2] - float(view.hills.height_m(view.true.at_m[0], view.true.at_m[1]))
    ray = view.told.ray(view.pixel)
    return np.asarray(view.told.at_m[:2] + height_m / -ray[2] * ray[:2])


def _flight(seed: int) -> Trials:
    """One fire seen from all views of a flight round a part of it, with a heading bias drawn and fixed."""
    found = []
    for spread_deg in SPREADS_DEG:
        rng = np.random.default_rng([2, seed, int(spread_deg)])
        hills, stands = _round(spread_deg, rng)
        dem = hills.and_(draw_error(rng))
        state = rng.bit_generator.state
        for bias_deg in (BIAS_DEG, None):
            rng.bit_generator.state = state  # paired: all but the bias is the same
            common = Common.draw(rng, bias_deg)
            views = [look(hills, dem, true, common, rng) for true in stands]
            found.append(_fused(views, spread_deg, is_biased=bias_deg is not None))
    return np.array(found, FUSED)


def _round(spread_deg: float, rng: np.random.Generator) -> tuple[Any, list[Any]]:
    """Hills and cameras, all of which see the fire."""
    while True:
        hills = draw_hills(rng)
        slant_m, depression_deg = rng.uniform(*FUSED_SLANT_M), rng.uniform(*FUSED_DEPRESSION_DEG)
        first_deg = rng.uniform(0, 360)
        bearings_deg = first_deg + np.linspace(0, spread_deg, VIEWS)
        stands = [stand(hills, slant_m, depression_deg, float(deg), rng) for deg in bearings_deg]
        if all(is_clear(hills, true.at_m) for true in stands):
            return hills, stands


def _fused(views: list[View], spread_deg: float, *, is_biased: bool) -> tuple[Any, ...]:
    terrain = WavyTerrain(views[0].dem)
    sightings = [
        locate(
            view.told.pose(BETWEEN_VIEWS_S * i),
            CAMERA,
            (float(view.pixel[0]), float(view.pixel[1])),
            PIXEL_COVARIANCE_PX2,
            terrain,
        )
        for i, view in enumerate(views)
    ]
    error_m, d2 = _miss(fuse(sightings, terrain))
    single_m = [float(np.linalg.norm(_miss(sighting)[0])) for sighting in sightings]
    return spread_deg, np.linalg.norm(error_m), d2, np.trace(bound_m2(views)), is_biased, single_m


def _miss(found: Any) -> tuple[FloatArray, float]:
    """Error (east, north; the fire is in the origin) of a sighting or fused place, and its square in σ."""
    if found is None or found.lat_deg is None:
        return np.full(2, np.nan), math.nan
    place = (np.array(x) for x in (found.lat_deg, found.lon_deg, BASE_AMSL_M))
    error_m = np.array([float(x) for x in PLACE.from_geodetic(*place)[:2]])
    return error_m, float(error_m @ np.linalg.solve(found.covariance_m2, error_m))


def _ce90(error_m: FloatArray) -> float:
    return float(np.nanpercentile(error_m, 90))


def _error_m(trials: Trials) -> FloatArray:
    return np.asarray(np.hypot(trials["along_m"], trials["across_m"]))


def _single_rows(all_trials: Trials) -> list[Row]:
    trials = all_trials[all_trials["placed"]]
    ours_m = _ce90(_error_m(trials))
    mean_m = math.hypot(trials["along_m"].mean(), trials["across_m"].mean())
    reference_m, flat_m = _ce90(trials["reference_m"]), _ce90(trials["flat_m"])
    what = f"single view, {len(all_trials)} trials"
    return [
        Row(
            f"{what}: mean error ÷ CE90 (along and across the view)",
            f"{mean_m / ours_m:.3f} ({mean_m:.2f} m ÷ {ours_m:.1f} m)",
            "≤ 0.1",
        ),
        Row(
            f"{what}: CE90 ÷ a particle posterior's",
            f"{ours_m / reference_m:.3f} ({ours_m:.1f} m ÷ {reference_m:.1f} m)",
            "≤ 1.1",
        ),
        Row(
            f"{what}: CE90 ÷ a flat-ground projection's",
            f"{ours_m / flat_m:.3f} ({ours_m:.1f} m ÷ {flat_m:.1f} m)",
            "≤ 0.5",
        ),
    ]


def _honesty_rows(trials: Trials) -> list[Row]:
    steep = trials["incidence_deg"] >= GRAZING_DEG
    placed = trials["placed"]
    grazing = trials[~steep]
    without = int((~grazing["placed"]).sum())
    flagged = f"{grazing['flagged'].mean():.1%} flagged"
    return [
        Row(
            "single view: truth in the 90 % ellipse, surface met at ≥ 15°",
            _coverage(trials[steep & placed]["d2"]),
            "87 to 93 %",
        ),
        Row(
            "single view: truth in the 90 % ellipse, surface met at < 15°",
            f"{_coverage(grazing[grazing['placed']]['d2'])}; {flagged}; {without} more by bearing only",
            "≥ 90 % and flagged",
        ),
    ]


def _coverage(d2: FloatArray) -> str:
    share = Share(int((d2 <= INSIDE).sum()), len(d2))
    low, high = share.interval
    return f"{share.value:.1%} ({low:.1%} to {high:.1%}) of {share.of}"


def _fused_rows(all_trials: Trials) -> list[Row]:
    found = []
    for spread_deg in SPREADS_DEG:
        for is_biased in (True, False):
            trials = all_trials[
                (all_trials["spread_deg"] == spread_deg) & (all_trials["is_biased"] == is_biased)
            ]
            bias = f"{BIAS_DEG:.0f}° heading bias" if is_biased else "heading bias from its prior"
            what = f"{VIEWS} views over {spread_deg:.0f}°, {bias}, {len(trials)} flights"
            fused_m, single_m = _ce90(trials["error_m"]), _ce90(trials["single_m"])
            rmse_m = math.sqrt(np.mean(trials["error_m"] ** 2))
            bound_m = math.sqrt(trials["bound_m2"].mean())
            wide = spread_deg >= 180.0
            found += [
                Row(
                    f"{what}: CE90 ÷ one view's",
                    f"{fused_m / single_m:.3f} ({fused_m:.1f} m ÷ {single_m:.1f} m)",
                    "≤ 0.333" if wide else "",
                ),
                Row(
                    f"{what}: RMSE ÷ posterior Cramér–Rao bound",
                    f"{rmse_m / bound_m:.2f} ({rmse_m:.2f} m ÷ {bound_m:.2f} m)",
                    "≤ 1.3",
                ),
                Row(f"{what}: truth in the 90 % ellipse", _coverage(trials["d2"]), "87 to 95 %"),
            ]
    return found


@dataclass(frozen=True)
class Band:
    """One bin of a plot."""

    middle: float
    inside: NDArray[np.bool_]


def _bands(value: FloatArray, edges: FloatArray) -> list[Band]:
    return [Band((a + b) / 2, (value >= a) & (value < b)) for a, b in itertools.pairwise(edges)]


def plot(all_trials: Trials) -> None:
    """Error against slant range, and coverage against the angle at which the surface is met."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    trials = all_trials[all_trials["placed"]]
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    axes.plot(trials["slant_m"], _error_m(trials), ".", markersize=2, color="0.75", label="trials")
    bands = _bands(trials["slant_m"], np.linspace(50, 400, 15))
    middles = [band.middle for band in bands]
    for name, error_m, style in (
        ("CE90, flat ground", trials["flat_m"], ":"),
        ("CE90, Emberwatch", _error_m(trials), "-"),
        ("CE90, particle posterior", trials["reference_m"], "--"),
    ):
        axes.plot(middles, [_ce90(error_m[band.inside]) for band in bands], style, linewidth=2, label=name)
    axes.set(xlabel="slant range (m)", ylabel="horizontal error (m)", ylim=(0, 60), title="Single view")
    axes.legend()
    figure.savefig(ERROR_PLOT, dpi=120)
    plt.close(figure)

    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    bands = [
        band for band in _bands(trials["incidence_deg"], np.arange(0, 91, 5.0)) if band.inside.sum() >= 20
    ]
    shares = [
        Share(int((trials["d2"][band.inside] <= INSIDE).sum()), int(band.inside.sum())) for band in bands
    ]
    parts = np.array([share.value for share in shares])
    apart = np.abs(np.array([share.interval for share in shares]).T - parts)
    axes.errorbar([band.middle for band in bands], parts * 100, apart * 100, fmt="o", capsize=3)
    axes.axhspan(87, 93, color="tab:green", alpha=0.15)
    axes.axvline(GRAZING_DEG, color="0.5", linestyle=":")
    axes.set(
        xlabel="angle between ray and surface (°)",
        ylabel="truth in the 90 % ellipse (%)",
        ylim=(75, 101),
        title="Single view, with 95 % Wilson intervals",
    )
    figure.savefig(COVERAGE_PLOT, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=TRIALS, help="single views; fused flights are a 25th")
    print(markdown(rows(parser.parse_args().trials)))
    print(f"written to {TABLE_FILE}, {ERROR_PLOT} and {COVERAGE_PLOT}")


if __name__ == "__main__":
    main()
