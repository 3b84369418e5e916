"""Where things burn, from all rays to them: a bundle adjustment that runs along with the flight.

States are the place of each hotspot (east, north, up) and one number for each cause of error that the looks
of a flight have in common (GNSS offset, heading and gimbal bias, camera latency, focal length), in its 1σ.
All hotspots share these: views from all round tell the heading bias by how far the rays pass each other by,
and what one fire has taught helps the next. The height of the ground at each hotspot is a measurement of the
terrain model, with its error; averaging ground points instead would repeat all that they have in common.

In :class:`~edge.geometry.rays.Rays` a look is linear in these states, so each hotspot keeps the sum of its
looks as information (its inverse covariance) of 3 + causes numbers square, however many looks there are.
Hotspots are joined by what each says of the common causes when its own place is left open (Schur's
complement).
What was seen long ago fades: fires move, and biases drift.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.geometry.locate import GRAZING_FACTOR
from edge.geometry.place import Place
from edge.geometry.rays import CAUSES, FAR_M, OWN_SIGMA, PIXELS, SHARED_SIGMA, Rays
from edge.geometry.sighting import SIGMAS_90, Sighting
from edge.hotspots.bundle_record import BundleRecord
from edge.hotspots.hotspot_record import SpotRecord
from edge.hotspots.information import (
    STATES,
    information_of_ground,
    information_of_looks,
    jacobian_of,
    left_open,
    misfit,
    misfit_in_frame,
    split,
    without_wobble,
)
from edge.hotspots.spot import LEAST_AXIS_M, MOST_AXIS_M, SMOKE_LEFT, Spot, axes_of
from flight.local_frame import LocalFrame
from flight.terrain import CORRELATION_M, FlatTerrain, Terrain

FloatArray = NDArray[np.float64]
K = TypeVar("K", bound=Hashable)

# What is a sighting's own is not new in every frame either: attitude and flames change over about a second.
CORRELATION_S = 1.0
# What was seen this long ago counts for a third of what is seen now.
MEMORY_S = 300.0
# A ray that passes by this many σ (squared) begins to lose weight.
DOUBTFUL_D2 = 6.0
# Errors that turn out larger than told are believed after some twenty looks.
ROUGHNESS_GAIN = 0.05
# Rays that only cross must tell the place to within this part of its distance.
CROSSED_WITHIN = 0.3
PASSES = 5


class Fusion(Generic[K]):
    """The bundle of one flight; hotspots go by any key. The thousandth look costs what the first did."""

    def __init__(self, frame: LocalFrame | None = None) -> None:
        """``frame``: where distances are reckoned from, the first look's camera if left out."""
        self._frame = frame
        self._spots: dict[K, Spot] = {}

    def place(self, key: K) -> Place | None:
        """Where it is; None where it is not known, or only by its bearing."""
        spot = self._spots.get(key)
        return None if spot is None else spot.place

    def record(self, key: K) -> BundleRecord | None:
        """What its place was made of, to be kept; None where it has none."""
        spot = self._spots.get(key)
        if spot is None or spot.place is None or self._frame is None:
            return None
        return BundleRecord(
            self._frame.lat_deg,
            self._frame.lon_deg,
            self._frame.alt_m,
            looks=spot.looked,
            ground=np.column_stack(spot.ground),
            others=spot.others + np.eye(CAUSES, CAUSES + 1),
            foot_m2=SMOKE_LEFT * spot.foot_m2 if spot.smoke else np.zeros((3, 3)),
            widened=GRAZING_FACTOR if spot.grazing else 1.0,
        )

    def add(self, seen: Mapping[K, Sighting], terrain: Terrain | None, at_s: float) -> None:
        """One look: which hotspots were seen, and how. Looks come in the order of their capture."""
        if not seen:
            return
        sightings = list(seen.values())
        if self._frame is None:
            pose = sightings[0].pose
            self._frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
        spots = [self._spot(key, sighting, terrain) for key, sighting in seen.items()]
        rays = Rays.of(sightings, self._frame)
        for i, (spot, sighting) in enumerate(zip(spots, sightings, strict=True)):
            if spot.guess_m is None and sighting.slant_range_m is not None:
                spot.guess_m = rays.camera_m[i] + sighting.slant_range_m * rays.direction[i]
                spot.axes_m = axes_of(np.asarray(sighting.covariance_m2))
        self._take_in(spots, sightings, rays, at_s)
        self._solve(spots, at_s)
        self._put(spots, rays.camera_m)

    @property
    def origin(self) -> tuple[float, float, float] | None:
        """Where distances are reckoned from: latitude, longitude, height; None before the first look."""
        frame = self._frame
        return None if frame is None else (frame.lat_deg, frame.lon_deg, frame.alt_m)

    def keep(self, key: K) -> SpotRecord | None:
        """What is known of a hotspot, to go on with after a restart; None where that is nothing."""
        spot = self._spots.get(key)
        return None if spot is None else spot.keep()

    def go_on(
        self,
        origin: tuple[float, float, float],
        kept: Mapping[K, tuple[SpotRecord, Sighting]],
        terrain: Terrain | None,
        at_s: float,
    ) -> None:
        """From what ``keep`` gave, each with the latest sighting in it; instead of what is known now.

        Raises ValueError for numbers that are not what this keeps.
        """
        spots = {
            key: Spot.of_record(record, _ground(terrain, sighting))
            for key, (record, sighting) in kept.items()
        }
        if not spots:
            return
        self._frame, self._spots = LocalFrame(*origin), spots
        camera_m = Rays.of([sighting for _, sighting in kept.values()], self._frame).camera_m
        for _ in range(2):  # what others say of the common causes is only known after the first
            self._solve(list(spots.values()), at_s)
        self._put(list(spots.values()), camera_m)

    def forget(self, key: K) -> None:
        """It is no more; what it has taught of the common causes goes with it."""
        self._spots.pop(key, None)

    def take_over(self, key: K, other: K) -> None:
        """``key`` is where ``other`` is; ``other`` is no more."""
        spot = self._spots.pop(other, None)
        if spot is not None:
            self._spots[key] = spot

    def misfits(
        self,
        sightings: Sequence[Sighting],
        keys: Sequence[K],
        pairs: NDArray[np.bool_],
        model_error_m: FloatArray,
    ) -> FloatArray:
        """(N, M) by how many σ, squared, each sighting's ray passes by each hotspot, where ``pairs`` asks.

        ``model_error_m`` (N, M) is what the error model leaves out, on the ground. Infinite elsewhere, and
        where the hotspot has no place.
        """
        found = np.full(pairs.shape, np.inf)
        spots = [self._spots.get(key) for key in keys]
        placed = [j for j, spot in enumerate(spots) if spot is not None and spot.place is not None]
        ask = np.zeros_like(pairs)
        ask[:, placed] = pairs[:, placed]
        rows, columns = np.nonzero(ask)
        if not len(rows) or self._frame is None:
            return found
        at = np.zeros(len(spots), np.intp)
        at[placed] = np.arange(len(placed))
        which = at[columns]
        known = [spot for spot in spots if spot is not None and spot.place is not None]
        states = np.array([spot.state for spot in known])[which]
        own_m2 = np.array([spot.own_m2 for spot in known])[which]
        for axis in (0, 1):
            own_m2[:, axis, axis] += model_error_m[rows, columns] ** 2
        measured = Rays.of(sightings, self._frame).take(rows).seen_at(states[:, :3])
        missed_m = jacobian_of(measured) @ states[..., None] - measured.at_m[..., None]
        left = np.array([spot.left for spot in known])[which]
        shared_m = np.array([spot.shared_m for spot in known])[which]
        together = np.concatenate(
            [
                measured.across @ shared_m - (measured.effects_m * SHARED_SIGMA) @ left,
                np.delete(measured.effects_m * OWN_SIGMA, PIXELS, axis=2),
            ],
            axis=2,
        )
        pixels_m = measured.effects_m[..., PIXELS]
        alone_m2 = measured.across @ own_m2 @ measured.across.transpose(
            0, 2, 1
        ) + pixels_m @ pixels_m.transpose(0, 2, 1)
        found[rows, columns] = misfit_in_frame(rows, missed_m, alone_m2, together)
        return found

    def _spot(self, key: K, sighting: Sighting, terrain: Terrain | None) -> Spot:
        if key not in self._spots:
            self._spots[key] = Spot(_ground(terrain, sighting), smoke=sighting.label == "smoke")
        return self._spots[key]

    def _take_in(self, spots: Sequence[Spot], sightings: Sequence[Sighting], rays: Rays, at_s: float) -> None:
        """Adds the looks to the sums, each by its weight."""
        measured = rays.seen_at(np.array([spot.guess_or_nan_m for spot in spots]))
        missed = misfit(
            measured, np.array([spot.state for spot in spots]), np.array([spot.joint for spot in spots])
        )
        weight, alike = np.ones(len(spots)), np.ones(len(spots))
        for i, (spot, sighting) in enumerate(zip(spots, sightings, strict=True)):
            elapsed_s = at_s - spot.at_s
            if spot.looks:
                # How many looks in a row make one that is independent of the one before.
                weight[i] = min(1.0, max(elapsed_s, 0.02) / CORRELATION_S)
                spot.roughness += ROUGHNESS_GAIN * (missed[i] / 2 - spot.roughness)
                spot.roughness = max(1.0, spot.roughness)
                weight[i] /= max(1.0, missed[i] / DOUBTFUL_D2) * spot.roughness
            fading = math.exp(-max(elapsed_s, 0.0) / MEMORY_S)
            spot.information *= fading
            spot.vector *= fading
            spot.wobble *= fading
            spot.sides *= fading
            alike[i] = spot.seen_from(rays.direction[i], float(weight[i]), sighting.label)
            spot.at_s, spot.looks = max(at_s, spot.at_s), spot.looks + 1
            spot.grazing &= sighting.grazing or sighting.slant_range_m is None
            if spot.smoke:
                spread_m = measured.range_m[i] * sighting.ray_effects[:, :2]
                spot.foot_m2 += (spread_m @ spread_m.T - spot.foot_m2) / spot.looks
        information, vector, wobble = information_of_looks(measured, weight, alike)
        for i, spot in enumerate(spots):
            spot.information += information[i]
            spot.vector += vector[i]
            spot.wobble += wobble[i]

    def _solve(self, spots: Sequence[Spot], at_s: float) -> None:
        """New states for these, with what all others say of the common causes."""
        assert self._frame is not None  # noqa: S101 - set by the first look
        ground, towards, crowd = self._ground_rows(spots)
        sums, vectors = without_wobble(
            np.array([spot.information for spot in spots]),
            np.array([spot.vector for spot in spots]),
            np.array([spot.wobble for spot in spots]),
        )
        for i, spot in enumerate(spots):
            spot.looked = np.column_stack([sums[i], vectors[i]])
        # Fires on one patch of ground share its error: together they may not say more of the common causes
        # than one of them could.
        says = left_open(sums + ground / crowd[:, None, None], vectors + towards / crowd[:, None])
        for spot, said in zip(spots, says, strict=True):
            spot.says = said
        age_s = np.array([at_s - spot.at_s for spot in self._spots.values()])
        every = np.array([spot.says for spot in self._spots.values()])
        of_others = np.tensordot(np.exp(-age_s / MEMORY_S), every, axes=1) - says
        sums += ground
        vectors += towards
        sums[:, 3:, 3:] += np.eye(CAUSES) + of_others[..., :CAUSES]
        vectors[:, 3:] += of_others[..., CAUSES]
        joint = np.linalg.inv(sums)
        states = (joint @ vectors[..., None])[..., 0]
        for i, spot in enumerate(spots):
            spot.state, spot.joint = states[i], joint[i]
            spot.ground, spot.others = (ground[i], towards[i]), of_others[i]

    def _ground_rows(self, spots: Sequence[Spot]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """What the terrain says of each place (information and its vector), and how many share its error."""
        assert self._frame is not None  # noqa: S101 - set by the first look
        ground, towards = np.zeros((len(spots), STATES, STATES)), np.zeros((len(spots), STATES))
        crowd = np.ones(len(spots))
        known_m = np.array([s.guess_m for s in self._spots.values() if s.guess_m is not None]).reshape(-1, 3)
        groups: dict[int, list[int]] = {}
        for i, spot in enumerate(spots):
            if spot.guess_m is None:
                ground[i, :3, :3] = np.eye(3) / FAR_M**2
            else:
                groups.setdefault(id(spot.terrain), []).append(i)
        for rows in groups.values():
            terrain = spots[rows[0]].terrain
            guess_m = np.array([spots[i].guess_m for i in rows])
            ground[rows], towards[rows] = information_of_ground(
                self._frame, terrain, guess_m, np.array([spots[i].axes_m for i in rows])
            )
            apart_m = np.linalg.norm(known_m[None, :, :2] - guess_m[:, None, :2], axis=2)
            crowd[rows] = (apart_m < CORRELATION_M).sum(axis=1)
        return ground, towards, crowd

    def _put(self, spots: Sequence[Spot], camera_m: FloatArray) -> None:
        """Each spot's place from its state."""
        assert self._frame is not None  # noqa: S101 - set by the first look
        joint = np.array([spot.joint for spot in spots])
        points_m = np.array([spot.state[:3] for spot in spots])
        geodetic = np.array(self._frame.to_geodetic(*points_m.T)).T.tolist()
        own_m2, shared_m, left = split(joint)
        covariances_m2 = joint[:, :3, :3].copy()
        for i, spot in enumerate(spots):
            spot.own_m2, spot.shared_m, spot.left = own_m2[i], shared_m[i], left[i]
            if spot.smoke:
                covariances_m2[i] += SMOKE_LEFT * spot.foot_m2
        widened = np.array([GRAZING_FACTOR if spot.grazing else 1.0 for spot in spots])
        covariances_m2 *= widened[:, None, None] ** 2
        shared_m = shared_m * widened[:, None, None]
        own_m2 = covariances_m2 - shared_m @ shared_m.transpose(0, 2, 1)
        values, vectors = np.linalg.eigh(covariances_m2[:, :2, :2])
        sigmas_m = np.sqrt(np.maximum(values, 0.0))
        axes_m = (vectors * np.clip(sigmas_m, LEAST_AXIS_M, MOST_AXIS_M)[:, None]).transpose(0, 2, 1)
        majors_m = (sigmas_m[:, 1] * SIGMAS_90).tolist()
        for i, spot in enumerate(spots):
            vague_m = CROSSED_WITHIN * float(np.linalg.norm(points_m[i] - camera_m[i]))
            if spot.guess_m is None and majors_m[i] > vague_m:
                continue  # the rays do not cross well enough yet to say where
            spot.guess_m, spot.axes_m = points_m[i], axes_m[i]
            lat_deg, lon_deg, alt_amsl_m = geodetic[i]
            east_m, north_m, up_m = points_m[i].tolist()
            spot.place = Place(
                at_s=spot.at_s,
                lat_deg=lat_deg,
                lon_deg=lon_deg,
                alt_amsl_m=alt_amsl_m,
                local_m=(east_m, north_m, up_m),
                own_m2=own_m2[i],
                shared_m=shared_m[i],
                grazing=spot.grazing,
                method="flat" if isinstance(spot.terrain, FlatTerrain) else "dem",
                looks=spot.looks,
                covariance_m2=covariances_m2[i, :2, :2],
                semi_major_m=majors_m[i],
            )


def fuse(sightings: Sequence[Sighting], terrain: Terrain | None) -> Place | None:
    """Where one thing is that was seen in all of these looks, each taken as independent of the others.

    As :class:`Fusion` does in flight, but all at once: distances and doubts are reckoned anew at each
    better place. None where the rays neither meet the ground nor cross.
    ``at_s`` of the answer is the last pose's instant on the autopilot's clock.
    """
    seen = list(sightings)
    if not seen:
        return None
    pose = seen[-1].pose
    frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    rays = Rays.of(seen, frame)
    labels = [sighting.label for sighting in seen]
    spot = Spot(_ground(terrain, seen[0]), smoke="fire" not in labels)
    spot.at_s, spot.looks = seen[-1].pose.boot_s, len(seen)
    spot.grazing = all(sighting.grazing or sighting.slant_range_m is None for sighting in seen)
    alike = np.array(
        [
            spot.seen_from(direction, 1.0, label)
            for direction, label in zip(rays.direction, labels, strict=True)
        ]
    )
    met = [i for i, sighting in enumerate(seen) if sighting.covariance_m2 is not None]
    if met:
        best = min(met, key=lambda i: float(np.trace(seen[i].covariance_m2)))  # type: ignore[arg-type]
        spot.guess_m = rays.camera_m[best] + (seen[best].slant_range_m or 0.0) * rays.direction[best]
        spot.axes_m = axes_of(np.asarray(seen[best].covariance_m2))
    fusion: Fusion[int] = Fusion(frame)
    fusion._spots[0] = spot
    doubt = np.ones(len(seen))
    for _ in range(PASSES):
        measured = rays.seen_at(np.tile(spot.guess_or_nan_m, (len(seen), 1)))
        information, vector, wobble = information_of_looks(measured, 1 / doubt, alike)
        spot.information, spot.vector = information.sum(axis=0), vector.sum(axis=0)
        spot.wobble = wobble.sum(axis=0)
        if spot.smoke:
            spread_m = measured.range_m[:, None, None] * np.array([s.ray_effects[:, :2] for s in seen])
            spot.foot_m2 = (spread_m @ spread_m.transpose(0, 2, 1)).mean(axis=0)
        fusion._solve([spot], spot.at_s)
        fusion._put([spot], rays.camera_m[-1:])
        count = len(seen)
        missed = misfit(measured, np.tile(spot.state, (count, 1)), np.tile(spot.joint, (count, 1, 1)))
        doubt = np.maximum(1.0, missed / DOUBTFUL_D2)
    return spot.place


def _ground(terrain: Terrain | None, sighting: Sighting) -> Terrain:
    if terrain is not None:
        return terrain
    return FlatTerrain(sighting.pose.alt_amsl_m - sighting.pose.height_home_m)
