"""Draws a planned patrol as a picture: a map with its ground, and the heights along the way below it."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from shapely.geometry import LineString, Point
from shapely.geometry import Polygon as Shape
from shapely.geometry.base import BaseGeometry

from edge.patrols.foreseen import Foreseen
from edge.patrols.ink import (
    AREA,
    FENCE,
    FLIGHTS,
    INK,
    NO_FLY,
    PAPER,
    SCALE,
    UNSEEN,
    Colour,
    font,
    round_length,
)
from edge.patrols.planned import Planned
from edge.patrols.relief import Relief, relief_of
from edge.patrols.sheet import Legend, draw_heights
from flight.local_frame import LocalFrame
from flight.plans.checks import Problem
from flight.plans.fence import Circle, Zone
from flight.plans.items import Command
from flight.plans.plan import Plan
from flight.plans.survey import Metres

FloatArray = NDArray[np.float64]

MAP_PX = 1400  # the longer side
LEAST_SIDE_PX = 620
MARGIN_PX = 24
PROFILE_PX = 210
ROUND = 0.08  # of the ground's size, left free around it


def draw(
    planned: Planned, foreseen: Foreseen | None, problems: Sequence[Problem], lines: Sequence[str]
) -> bytes:
    """A PNG; ``lines`` are the figures that are written beside the map."""
    return _Picture(planned, foreseen, problems, lines).png()


class _Picture:
    def __init__(
        self, planned: Planned, foreseen: Foreseen | None, problems: Sequence[Problem], lines: Sequence[str]
    ) -> None:
        self._planned, self._foreseen, self._problems, self._lines = planned, foreseen, problems, lines
        home = planned.flights[0].home
        self._frame = (
            LocalFrame(home.lat_deg, home.lon_deg, home.alt_amsl_m)
            if planned.site is None
            else planned.site.frame
        )
        self._routes = [self._metres([(lat, lon) for lon, lat in plan.route]) for plan in planned.flights]
        west, south, east, north = self._bounds()
        self._metres_per_px = max(
            (east - west) / MAP_PX,
            (north - south) / MAP_PX,
            min((east - west), (north - south)) / LEAST_SIDE_PX / 8,
        )
        self._width_px = max(LEAST_SIDE_PX, round((east - west) / self._metres_per_px))
        self._height_px = max(LEAST_SIDE_PX, round((north - south) / self._metres_per_px))
        middle = ((west + east) / 2, (south + north) / 2)
        self._west = middle[0] - self._width_px / 2 * self._metres_per_px
        self._north = middle[1] + self._height_px / 2 * self._metres_per_px
        self._canvas = Image.new("RGB", (SCALE * self._width_px, SCALE * self._height_px), PAPER)
        self._pen = ImageDraw.Draw(self._canvas)

    def png(self) -> bytes:
        relief = self._relief()
        self._ground()
        self._flights()
        self._marks()
        self._scale_bar()
        self._north_arrow()
        sheet = self._sheet(relief)
        data = io.BytesIO()
        sheet.save(data, "PNG")
        return data.getvalue()

    # --- places ------------------------------------------------------------------------------------

    def _metres(self, places: Sequence[tuple[float, float]]) -> list[Metres]:
        lat_deg, lon_deg = np.array(places, np.float64).T
        at_home_m = np.full(lat_deg.size, self._frame.alt_m)
        east_m, north_m, _ = self._frame.from_geodetic(lat_deg, lon_deg, at_home_m)
        return list(zip(east_m.tolist(), north_m.tolist(), strict=True))

    def _shape(self, zone: Zone) -> Shape:
        if isinstance(zone, Circle):
            [center] = self._metres([(zone.lat_deg, zone.lon_deg)])
            return Point(center).buffer(zone.radius_m, quad_segs=32)
        return Shape(self._metres(zone.vertices))

    def _bounds(self) -> tuple[float, float, float, float]:
        shapes: list[BaseGeometry] = [
            LineString(route) if len(route) > 1 else Point(route[0]) for route in self._routes
        ]
        plan, site = self._planned.flights[0], self._planned.site
        if site is not None and site.area is not None:
            shapes.append(site.area)
        if plan.fence is not None:  # no-fly zones may lie anywhere: those far away do not shrink the map
            shapes += [self._shape(zone) for zone in plan.fence.inclusions]
        boxes = np.array([shape.bounds for shape in shapes])
        (west, south), (east, north) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        room = max(ROUND * max(east - west, north - south), 20.0)
        return west - room, south - room, east + room, north + room

    def _at(self, place: Metres) -> tuple[float, float]:
        """Pixels of the enlarged map."""
        x = (place[0] - self._west) / self._metres_per_px
        y = (self._north - place[1]) / self._metres_per_px
        return SCALE * x, SCALE * y

    # --- layers ------------------------------------------------------------------------------------

    def _relief(self) -> Relief | None:
        terrain = self._planned.terrain
        if terrain is None:
            self._grid()
            return None
        step = 3
        columns = np.arange(step / 2, self._width_px, step)
        rows = np.arange(step / 2, self._height_px, step)
        east_m, north_m = np.meshgrid(
            self._west + columns * self._metres_per_px, self._north - rows * self._metres_per_px
        )
        lat_deg, lon_deg, _ = self._frame.to_geodetic(east_m, north_m, np.zeros(east_m.shape))
        heights_m = terrain.height_amsl_m(lat_deg, lon_deg)
        relief = relief_of(heights_m, step * self._metres_per_px, terrain.resolution_m)
        picture = Image.fromarray(relief.image).resize(self._canvas.size, Image.Resampling.BICUBIC)
        self._canvas.paste(picture)
        for line in relief.contours:
            pixels = [(SCALE * (x + 0.5) * step, SCALE * (y + 0.5) * step) for x, y in line]
            self._pen.line(pixels, fill=(150, 136, 112), width=SCALE)
        return relief

    def _grid(self) -> None:
        """A quiet grid where there is no terrain to draw."""
        step_m = round_length(self._width_px * self._metres_per_px / 6)
        for axis, size in ((0, self._width_px), (1, self._height_px)):
            origin = self._west if axis == 0 else self._north - self._height_px * self._metres_per_px
            first = math.ceil(origin / step_m) * step_m
            for number in range(math.ceil(size * self._metres_per_px / step_m)):
                x, y = self._at((first + number * step_m,) * 2)
                line = [(x, 0), (x, self._canvas.height)] if axis == 0 else [(0, y), (self._canvas.width, y)]
                self._pen.line(line, fill=(232, 230, 224), width=SCALE)

    def _ground(self) -> None:
        site, plan = self._planned.site, self._planned.flights[0]
        if site is not None and site.area is not None:
            self._fill(site.area, AREA, 44)
            if self._foreseen is not None:
                self._fill(self._foreseen.unseen, UNSEEN, 110)
            self._outline(site.area, AREA, 2)
        if plan.fence is None:
            return
        for zone in plan.fence.inclusions:
            self._outline(self._shape(zone), FENCE, 3, dash_px=14)
        for zone in plan.fence.exclusions:
            self._fill(self._shape(zone), NO_FLY, 90)
            self._outline(self._shape(zone), NO_FLY, 3)

    def _fill(self, shape: BaseGeometry, colour: Colour, alpha: int) -> None:
        mask = Image.new("L", self._canvas.size, 0)
        pen = ImageDraw.Draw(mask)
        for part in getattr(shape, "geoms", [shape]):
            if not part.is_empty and part.area > 0:
                pen.polygon([self._at(each) for each in part.exterior.coords], fill=alpha)
                for hole in part.interiors:
                    pen.polygon([self._at(each) for each in hole.coords], fill=0)
        self._canvas.paste(colour, (0, 0, *self._canvas.size), mask)

    def _outline(self, shape: BaseGeometry, colour: Colour, width_px: int, dash_px: float = 0.0) -> None:
        for part in getattr(shape, "geoms", [shape]):
            for ring in (part.exterior, *part.interiors):
                self._line(list(ring.coords), colour, width_px, dash_px)

    def _line(self, places: Sequence[Metres], colour: Colour, width_px: float, dash_px: float = 0.0) -> None:
        pixels = [self._at(place[:2]) for place in places]
        width = max(1, round(SCALE * width_px))
        if not dash_px:
            self._pen.line(pixels, fill=colour, width=width, joint="curve")
            return
        line, dash = LineString(pixels), SCALE * dash_px
        for number in range(math.ceil(line.length / dash / 2)):
            first = 2 * number * dash
            part = [line.interpolate(first + dash * each) for each in (0, 0.25, 0.5, 0.75, 1)]
            self._pen.line([(p.x, p.y) for p in part], fill=colour, width=width)

    def _flights(self) -> None:
        for number, route in enumerate(self._routes):
            colour = FLIGHTS[number % len(FLIGHTS)]
            self._line(route, (255, 255, 255), 6)
            self._line(route, colour, 3)
            self._arrows(route, colour)

    def _arrows(self, route: Sequence[Metres], colour: Colour) -> None:
        """Which way, on every stretch that is long enough to hold one."""
        for start, end in itertools.pairwise(route):
            (x1, y1), (x2, y2) = self._at(start), self._at(end)
            length = math.hypot(x2 - x1, y2 - y1)
            if length < SCALE * 46:
                continue
            self._arrow((x1 + x2) / 2, (y1 + y2) / 2, math.atan2(y2 - y1, x2 - x1), colour)

    def _arrow(self, x: float, y: float, angle_rad: float, colour: Colour) -> None:
        for size, fill in ((SCALE * 11, (255, 255, 255)), (SCALE * 8, colour)):
            tip = (x + size * math.cos(angle_rad), y + size * math.sin(angle_rad))
            wings = [
                (x + size * math.cos(angle_rad + turn), y + size * math.sin(angle_rad + turn))
                for turn in (2.5, -2.5)
            ]
            self._pen.polygon([tip, *wings], fill=fill)

    def _marks(self) -> None:
        plan = self._planned.flights[0]
        points = [point for each in self._planned.flights for point in _places_held(each)]
        for place in self._metres(points) if points else []:
            x, y = self._at(place)
            self._dot(x, y, 5, INK)
        for rally in plan.rally:
            self._badge((rally.lat_deg, rally.lon_deg), "R", FENCE)
        self._badge((plan.home.lat_deg, plan.home.lon_deg), "H", INK)
        placed = [each for each in self._problems if each.lat_deg is not None and each.lon_deg is not None]
        for problem in placed:
            assert problem.lat_deg is not None  # noqa: S101 - just chosen
            assert problem.lon_deg is not None  # noqa: S101
            self._badge((problem.lat_deg, problem.lon_deg), "!", NO_FLY)

    def _dot(self, x: float, y: float, radius_px: float, colour: Colour) -> None:
        for radius, fill in ((SCALE * (radius_px + 2), (255, 255, 255)), (SCALE * radius_px, colour)):
            self._pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)

    def _badge(self, place: tuple[float, float], letter: str, colour: Colour) -> None:
        [(x, y)] = [self._at(each) for each in self._metres([place])]
        self._dot(x, y, 13, colour)
        self._pen.text((x, y), letter, fill=(255, 255, 255), font=font(17 * SCALE), anchor="mm")

    def _scale_bar(self) -> None:
        length_m = round_length(self._width_px * self._metres_per_px / 4)
        x, y = SCALE * MARGIN_PX, self._canvas.height - SCALE * MARGIN_PX
        width, height = SCALE * length_m / self._metres_per_px, SCALE * 7
        self._halo((x - SCALE * 8, y - SCALE * 36, x + width + SCALE * 8, y + SCALE * 8))
        for part in range(4):
            box = (x + part * width / 4, y - height, x + (part + 1) * width / 4, y)
            self._pen.rectangle(box, fill=INK if part % 2 == 0 else (255, 255, 255), outline=INK)
        words = f"{length_m:g} m" if length_m < 1000 else f"{length_m / 1000:g} km"
        self._pen.text((x, y - height - SCALE * 5), "0", fill=INK, font=font(15 * SCALE), anchor="ls")
        self._pen.text(
            (x + width, y - height - SCALE * 5), words, fill=INK, font=font(15 * SCALE), anchor="rs"
        )

    def _north_arrow(self) -> None:
        x, y, size = self._canvas.width - SCALE * 44, SCALE * 66, SCALE * 24
        self._halo((x - size, y - SCALE * 52, x + size, y + SCALE * 24))
        for side, fill in ((-1, INK), (1, (255, 255, 255))):
            shape = [(x, y - size), (x + side * size / 2.2, y + size * 0.75), (x, y + size * 0.4)]
            self._pen.polygon(shape, fill=fill, outline=INK)
        self._pen.text((x, y - size - SCALE * 4), "N", fill=INK, font=font(19 * SCALE), anchor="ms")

    def _halo(self, box: tuple[float, float, float, float]) -> None:
        """A pale ground for what must be read on any map."""
        mask = Image.new("L", self._canvas.size, 0)
        ImageDraw.Draw(mask).rounded_rectangle(box, radius=SCALE * 6, fill=190)
        self._canvas.paste(PAPER, (0, 0, *self._canvas.size), mask)

    # --- the sheet ---------------------------------------------------------------------------------

    def _sheet(self, relief: Relief | None) -> Image.Image:
        """The map, the heights below it, and the words beside both."""
        legend = Legend(self._planned, self._foreseen, self._problems, self._lines, relief)
        side_px = legend.width_px
        height_px = self._height_px + PROFILE_PX + 3 * MARGIN_PX
        width_px = self._width_px + side_px + 3 * MARGIN_PX
        sheet = Image.new(
            "RGB", (SCALE * width_px, SCALE * max(height_px, legend.height_px)), (255, 255, 255)
        )
        at = SCALE * MARGIN_PX
        sheet.paste(self._canvas, (at, at))
        pen = ImageDraw.Draw(sheet)
        pen.rectangle(
            (at, at, at + self._canvas.width, at + self._canvas.height), outline=(170, 168, 160), width=SCALE
        )
        box = (MARGIN_PX, self._height_px + 2 * MARGIN_PX, self._width_px, PROFILE_PX)
        draw_heights(pen, self._planned, box)
        legend.draw(pen, self._width_px + 2 * MARGIN_PX, MARGIN_PX)
        return sheet.resize((sheet.width // SCALE, sheet.height // SCALE), Image.Resampling.LANCZOS)


def _places_held(plan: Plan) -> list[tuple[float, float]]:
    return [
        (item.lat_deg, item.lon_deg)
        for item in plan.items[1:]
        if item.command == Command.NAV_WAYPOINT and item.is_place and item.params[0] > 0
    ]
