"""A grid of heights in memory, and how fast a height in it can be had.

Ray marching asks for tens of thousands of heights a frame. So the usual question, all of whose points lie
well inside the grid and beside no hole, takes one path without a mask, in single precision; everything else
takes the careful one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyproj
from affine import Affine
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
AnyArray = NDArray[Any]
Posts = NDArray[np.float32]

# A place from which the polynomial that stands in for a map projection may differ by this much.
FIT_ERROR_M = 0.01
FIT_POSTS = 9
# How far beyond the grid that polynomial still holds, in half-widths of the grid.
FIT_REACH = 1.02
# A weight that is not one: a post that is met exactly, but for the rounding of its coordinates.
NO_WEIGHT = 1e-6
# Every so-many-th post is enough to know about how high the ground is.
FEW = 16

METRES_PER_DEGREE = 111_320.0

_least = np.minimum.reduce
_most = np.maximum.reduce


def applied(affine: Affine, x: AnyArray, y: AnyArray) -> tuple[FloatArray, FloatArray]:
    """Points through an affine transformation."""
    a, b, c, d, e, f = affine[:6]
    return a * x + b * y + c, d * x + e * y + f


@dataclass(frozen=True, slots=True)
class Frame:
    """A grid without end: a coordinate system and where its pixels lie in it."""

    crs: pyproj.CRS
    transform: Affine
    """From column and row of a pixel's corner to x and y; its post stands in its centre."""

    def window(self, row: float, col: float) -> Frame:
        """The same grid, counted from this pixel."""
        a, b, c, d, e, f = self.transform[:6]
        return Frame(self.crs, Affine(a, b, a * col + b * row + c, d, e, d * col + e * row + f))

    def coarser(self, times: int) -> Frame:
        """A grid with the same first corner and pixels that are this many times as wide."""
        a, b, c, d, e, f = self.transform[:6]
        return Frame(self.crs, Affine(a * times, b * times, c, d * times, e * times, f))

    @property
    def post_m(self) -> float:
        """The mean distance between posts around the first one."""
        size = math.sqrt(abs(self.transform.determinant))
        if not self.crs.is_geographic:
            return size * float(self.crs.axis_info[0].unit_conversion_factor)
        return METRES_PER_DEGREE * size * math.sqrt(max(math.cos(math.radians(self.transform.f)), 0.0))


class Grid:
    """Heights (rows, columns; NaN at holes), bilinear between the posts."""

    def __init__(self, posts_m: Posts, placement: Placement) -> None:
        """``placement`` says where a point is in the grid."""
        self._rows, self._cols = posts_m.shape
        self._place = placement
        # Single precision keeps a tenth of a millimetre near the middle of the heights.
        some_m = posts_m[::FEW, ::FEW]
        some_m = some_m[np.isfinite(some_m)]
        self._middle_m = float(np.float32(some_m.mean())) if some_m.size else 0.0
        # One post more each way: whoever stands exactly on the last one has a next one too.
        padded = np.empty((self._rows + 1, self._cols + 1), np.float32)
        np.subtract(posts_m, np.float32(self._middle_m), out=padded[:-1, :-1])
        padded[-1, :-1] = padded[-2, :-1]
        padded[:, -1] = padded[:, -2]
        self._stride = padded.shape[1]
        flat = padded.ravel()
        self._here, self._right = flat, flat[1:]
        self._below, self._below_right = flat[self._stride :], flat[self._stride + 1 :]

    def at_once(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray | None:
        """Heights at these points (N,), or None where one of them is outside the grid or beside a hole."""
        col, row = self._place.at_once(lat_deg, lon_deg)
        if not (
            _least(col) >= 0.0
            and _most(col) <= self._cols - 1
            and _least(row) >= 0.0
            and _most(row) <= self._rows - 1
        ):
            return None
        left, top = col.astype(np.int32), row.astype(np.int32)
        col -= left
        row -= top
        index = top.astype(np.intp)
        index *= self._stride
        index += left
        u, v = col.astype(np.float32), row.astype(np.float32)
        height, beside = self._here.take(index), self._right.take(index)
        beside -= height
        beside *= u
        height += beside
        below, beside = self._below.take(index), self._below_right.take(index)
        beside -= below
        beside *= u
        below += beside
        below -= height
        below *= v
        height += below
        heights: FloatArray = np.add(height, self._middle_m, dtype=np.float64)
        return None if np.isnan(np.add.reduce(heights)) else heights

    def carefully(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        """Heights at these points (N,). The outer half post has the edge's height; NaN beyond it and beside
        a hole."""
        col, row = self._place(lat_deg, lon_deg)
        with np.errstate(invalid="ignore"):
            inside = (col >= -0.5) & (col <= self._cols - 0.5) & (row >= -0.5) & (row <= self._rows - 0.5)
        col = np.clip(np.where(inside, col, 0.0), 0.0, self._cols - 1.0)
        row = np.clip(np.where(inside, row, 0.0), 0.0, self._rows - 1.0)
        left, top = col.astype(np.intp), row.astype(np.intp)
        u, v = col - left, row - top
        index = top * self._stride + left
        height = np.full(len(index), self._middle_m)
        for posts, weight in (
            (self._here, (1 - v) * (1 - u)),
            (self._right, (1 - v) * u),
            (self._below, v * (1 - u)),
            (self._below_right, v * u),
        ):
            # A hole counts only where it has weight: exactly on a good post its neighbours do not matter.
            height += np.where(weight > NO_WEIGHT, posts.take(index) * weight, 0.0)
        return np.where(inside, height, np.nan)


class Placement:
    """Columns and rows of a grid from latitude and longitude (WGS 84).

    The projection of a grid in metres is asked once, at some places all over the grid, and a polynomial of
    the third degree stands in for it from then on, wherever that is true to a centimetre: a map projection is
    smooth, and asking it again for every point would cost more than the heights.
    """

    def __init__(self, frame: Frame, shape: tuple[int, ...]) -> None:
        """For a grid of this many rows and columns that starts at the frame's first post."""
        crs_from_post = frame.window(0.5, 0.5).transform
        self._post_from_crs = ~crs_from_post
        self._to_crs: pyproj.Transformer | None = None
        self._fit: FloatArray | None = None
        if not frame.crs.equals("EPSG:4326", ignore_axis_order=True):
            self._to_crs = pyproj.Transformer.from_crs("EPSG:4326", frame.crs, always_xy=True)
        if self._to_crs is not None or self._post_from_crs.b != 0.0 or self._post_from_crs.d != 0.0:
            self._fit_to(crs_from_post, shape, frame.post_m)

    def __call__(self, lat_deg: FloatArray, lon_deg: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Columns and rows, exactly."""
        x, y = (lon_deg, lat_deg) if self._to_crs is None else self._to_crs.transform(lon_deg, lat_deg)
        return applied(self._post_from_crs, x, y)

    def at_once(self, lat_deg: FloatArray, lon_deg: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Columns and rows for points inside the grid; for points elsewhere any that are outside it."""
        if self._fit is not None:
            terms, reach = self._terms(lat_deg, lon_deg)
            col, row = self._fit @ terms
            if not reach <= FIT_REACH:
                col[0] = np.nan
            return col, row
        if self._to_crs is not None:
            return self(lat_deg, lon_deg)
        a, _, c, _, e, f = self._post_from_crs[:6]
        col, row = lon_deg * a, lat_deg * e
        col += c
        row += f
        return col, row

    def _fit_to(self, crs_from_post: Affine, shape: tuple[int, ...], post_m: float) -> None:
        rows, cols = shape
        self._middle = (0.0, 0.0)
        self._half = (1.0, 1.0)
        known, other = (
            self._lattice(crs_from_post, np.linspace(0, cols, count), np.linspace(0, rows, count))
            for count in (FIT_POSTS, FIT_POSTS - 1)
        )
        lat, lon = known[2], known[3]
        if not (np.isfinite(lat).all() and np.isfinite(lon).all()):
            return
        self._middle = (float(lat.min() + lat.max()) / 2, float(lon.min() + lon.max()) / 2)
        self._half = (float(np.ptp(lat)) / 2, float(np.ptp(lon)) / 2)
        terms, _ = self._terms(lat, lon)
        fit = np.linalg.lstsq(terms.T, np.stack(known[:2]).T, rcond=None)[0].T
        terms, _ = self._terms(other[2], other[3])
        error_m = np.abs(fit @ terms - np.stack(other[:2])).max() * post_m
        if error_m < FIT_ERROR_M:
            self._fit = np.ascontiguousarray(fit)

    def _lattice(
        self, crs_from_post: Affine, cols: FloatArray, rows: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        col, row = (each.ravel() for each in np.meshgrid(cols, rows))
        x, y = applied(crs_from_post, col, row)
        if self._to_crs is not None:
            x, y = self._to_crs.transform(x, y, direction=pyproj.enums.TransformDirection.INVERSE)
        return col, row, np.asarray(y), np.asarray(x)

    def _terms(self, lat_deg: FloatArray, lon_deg: FloatArray) -> tuple[FloatArray, float]:
        """The ten terms of third degree (10, N), and how far the furthest point is from the middle."""
        terms = np.empty((10, lat_deg.size))
        terms[0] = 1.0
        y, x = terms[1], terms[2]
        np.subtract(lat_deg, self._middle[0], out=y)
        y /= self._half[0]
        np.subtract(lon_deg, self._middle[1], out=x)
        x /= self._half[1]
        np.multiply(y, y, out=terms[3])
        np.multiply(x, y, out=terms[4])
        np.multiply(x, x, out=terms[5])
        np.multiply(terms[3:6], y, out=terms[6:9])
        np.multiply(terms[5], x, out=terms[9])
        return terms, max(float(_most(np.abs(y))), float(_most(np.abs(x))))
