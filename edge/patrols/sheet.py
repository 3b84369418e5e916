"""Beside a patrol's map: the legend with its figures, and the heights along the way."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from edge.patrols.foreseen import Foreseen
from edge.patrols.ink import (
    AREA,
    FENCE,
    FLIGHTS,
    GROUND,
    INK,
    NO_FLY,
    PAPER,
    SCALE,
    UNSEEN,
    Colour,
    drawable,
    font,
    round_length,
)
from edge.patrols.planned import Planned
from edge.patrols.relief import Relief
from flight.local_frame import LocalFrame
from flight.plans.checks import Problem
from flight.plans.path import legs, sampled
from flight.plans.plan import Plan

FloatArray = NDArray[np.float64]


class Legend:
    """What the colours mean, and the figures."""

    width_px = 330

    def __init__(
        self,
        planned: Planned,
        foreseen: Foreseen | None,
        problems: Sequence[Problem],
        lines: Sequence[str],
        relief: Relief | None,
    ) -> None:
        self._title = _wrapped(drawable(planned.name, "patrol"), 26)
        plan = planned.flights[0]
        keys: list[tuple[Colour, str]] = [
            (
                FLIGHTS[number % len(FLIGHTS)],
                drawable(each.name, f"flight {number + 1}") if len(planned.flights) > 1 else "the way flown",
            )
            for number, each in enumerate(planned.flights)
        ]
        if planned.site is not None and planned.site.area is not None:
            keys.append((AREA, "area to be seen"))
        if foreseen is not None and foreseen.unseen.area > 0:
            keys.append((UNSEEN, "of it, seen by no picture"))
        if plan.fence is not None and plan.fence.inclusions:
            keys.append((FENCE, "fence"))
        if plan.fence is not None and plan.fence.exclusions:
            keys.append((NO_FLY, "no-fly zone"))
        self._keys = keys
        notes = ["H home" + (", R rally point" if plan.rally else "") + (", ! unsafe" if problems else "")]
        if relief is not None and relief.contours:
            notes.append(f"contours every {relief.interval_m:g} m")
        self._notes = notes
        self._lines = [part for line in lines for part in _wrapped(line, 40)]
        self.height_px = 140 + 30 * len(self._title) + 26 * len(keys) + 22 * (len(notes) + len(self._lines))

    def draw(self, pen: ImageDraw.ImageDraw, x_px: int, y_px: int) -> None:
        x, y = SCALE * x_px, SCALE * y_px
        for line in self._title:
            pen.text((x, y), line, fill=INK, font=font(25 * SCALE, line))
            y += SCALE * 30
        y += SCALE * 12
        for line in self._lines:
            pen.text((x, y), line, fill=INK, font=font(16 * SCALE))
            y += SCALE * 22
        y += SCALE * 16
        for colour, words in self._keys:
            pen.rounded_rectangle(
                (x, y + SCALE * 3, x + SCALE * 26, y + SCALE * 17), radius=SCALE * 3, fill=colour
            )
            pen.text((x + SCALE * 36, y), words, fill=INK, font=font(16 * SCALE, words))
            y += SCALE * 26
        y += SCALE * 6
        for line in self._notes:
            pen.text((x, y), line, fill=(96, 98, 104), font=font(15 * SCALE))
            y += SCALE * 22


def draw_heights(pen: ImageDraw.ImageDraw, planned: Planned, box_px: tuple[int, int, int, int]) -> None:
    """Heights above sea level along all flights, one after the other, with the ground below."""
    left, top, width, height = (SCALE * each for each in box_px)
    traces, along_m = [], 0.0
    for plan in planned.flights:
        trace = _trace(plan, planned)
        traces.append((trace[0] + along_m, trace[1], trace[2]))
        along_m += float(trace[0][-1]) if trace[0].size else 0.0
    home_m = planned.flights[0].home.alt_amsl_m
    known = np.concatenate(
        [each for trace in traces for each in trace[1:] if each is not None] or [np.array([home_m])]
    )
    lowest_m = min(float(np.nanmin(known)), home_m) - 10
    highest_m = float(np.nanmax(known)) + 10
    along_m = max(along_m, 1.0)
    inner_left, inner_bottom = left + SCALE * 64, top + height - SCALE * 28

    def at(x_m: float, alt_m: float) -> tuple[float, float]:
        part = (alt_m - lowest_m) / (highest_m - lowest_m)
        return (
            inner_left + (left + width - inner_left) * x_m / along_m,
            inner_bottom - (inner_bottom - top) * part,
        )

    pen.rectangle((inner_left, top, left + width, inner_bottom), fill=PAPER)
    step_m = round_length((highest_m - lowest_m) / 3)
    for number in range(math.ceil(lowest_m / step_m), math.floor(highest_m / step_m) + 1):
        y = at(0, number * step_m)[1]
        pen.line([(inner_left, y), (left + width, y)], fill=(222, 220, 214), width=SCALE)
        pen.text(
            (inner_left - SCALE * 8, y),
            f"{number * step_m:g} m",
            fill=INK,
            font=font(14 * SCALE),
            anchor="rm",
        )
    for number, (x_m, alt_m, ground_m) in enumerate(traces):
        if ground_m is None:
            ground_m = np.full(x_m.size, home_m)  # noqa: PLW2901 - flat, as nothing else is known
        ground = [at(x, g) for x, g in zip(x_m, ground_m, strict=True) if not math.isnan(g)]
        if ground:
            pen.polygon([(ground[0][0], inner_bottom), *ground, (ground[-1][0], inner_bottom)], fill=GROUND)
        flown = [at(x, a) for x, a in zip(x_m, alt_m, strict=True)]
        pen.line(flown, fill=FLIGHTS[number % len(FLIGHTS)], width=SCALE * 3, joint="curve")
    pen.rectangle((inner_left, top, left + width, inner_bottom), outline=(170, 168, 160), width=SCALE)
    ground_words = "ground, metres above sea level" if planned.terrain is not None else "ground taken as flat"
    words = f"heights along the way ({along_m / 1000:.1f} km); {ground_words}"
    pen.text((inner_left, inner_bottom + SCALE * 8), words, fill=(96, 98, 104), font=font(14 * SCALE))


def _trace(plan: Plan, planned: Planned) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Distance flown, height and ground along one flight."""
    xs, alts, grounds, along_m = [], [], [], 0.0
    frame = LocalFrame(plan.home.lat_deg, plan.home.lon_deg, plan.home.alt_amsl_m)
    for leg in legs(plan, planned.terrain):
        lat_deg, lon_deg, alt_m, ground_m = sampled(leg, planned.terrain)
        east_m, north_m, _ = frame.from_geodetic(lat_deg, lon_deg, alt_m)
        steps_m = np.hypot(np.diff(east_m), np.diff(north_m))
        xs.append(along_m + np.concatenate([[0.0], np.cumsum(steps_m)]))
        alts.append(alt_m)
        if ground_m is not None:
            grounds.append(ground_m)
        along_m = float(xs[-1][-1])
    if not xs:
        return np.zeros(0), np.zeros(0), None
    return np.concatenate(xs), np.concatenate(alts), np.concatenate(grounds) if grounds else None


def _wrapped(text: str, columns: int) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > columns:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]
