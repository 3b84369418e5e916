"""What rendered patrols came to: shares with their intervals, as a line and as a report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from models.make.intervals import Share
from tests.benchmarks.patrol_judge import SAME_PLACE_M, FireFate, Flown
from tests.benchmarks.patrol_scenes import FRAME_S, FRAMES, HEIGHT_M, LEAST_LOOKS, SPEED_M_S
from tests.benchmarks.strangers import KINDS
from tests.benchmarks.table import Row

SIZES_M = (1.0, 1.5, 2.0, 2.5)
BAR = "F1 ≥ .95, wrongly alarmed ≤ .05"


@dataclass(frozen=True, slots=True)
class Manner:
    """How patrols were looked at, in words. ``shown`` is what a frame must show of a fire, ``strange``: there
    are look-alikes that were never trained on."""

    size_px: tuple[int, int]
    title: str
    how: str
    shown: str
    strange: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """Patrols that were flown."""

    flown: tuple[Flown, ...]

    @property
    def fires(self) -> list[FireFate]:
        """All fires that were shown often enough to be found."""
        return [fire for patrol in self.flown for fire in patrol.fires if fire.counts]

    @property
    def found(self) -> list[FireFate]:
        return [fire for fire in self.fires if fire.found]

    @property
    def false_in_fire_patrols(self) -> int:
        return sum(len(patrol.false_alarms) for patrol in self.flown if patrol.burning)

    @property
    def recall(self) -> Share:
        return Share(len(self.found), len(self.fires))

    @property
    def precision(self) -> Share:
        """Of what was told on patrols with fires."""
        return Share(len(self.found), len(self.found) + self.false_in_fire_patrols)

    @property
    def fire_f1(self) -> tuple[float, float, float]:
        """Fire by fire on patrols with fires, with its interval."""
        return f1(len(self.found), self.false_in_fire_patrols, len(self.fires) - len(self.found))

    @property
    def alarmed(self) -> Share:
        """Patrols with fires on which at least one of them was found."""
        burning = [patrol for patrol in self.flown if any(fire.counts for fire in patrol.fires)]
        return Share(sum(any(f.counts and f.found for f in one.fires) for one in burning), len(burning))

    @property
    def wrongly_alarmed(self) -> Share:
        """Patrols without a fire on which one was told of."""
        clear = [patrol for patrol in self.flown if not patrol.burning]
        return Share(sum(bool(patrol.false_alarms) for patrol in clear), len(clear))

    @property
    def wrongly_alarmed_by_known(self) -> Share:
        """The same without those alarms that look-alikes of kinds never trained on gave."""
        clear = [patrol for patrol in self.flown if not patrol.burning]
        known = (any(alarm.why not in KINDS for alarm in patrol.false_alarms) for patrol in clear)
        return Share(sum(known), len(clear))

    @property
    def patrol_f1(self) -> tuple[float, float, float]:
        """Patrol by patrol: was there a fire, and was one found? With its interval."""
        return f1(self.alarmed.hits, self.wrongly_alarmed.hits, self.alarmed.of - self.alarmed.hits)


def f1(right: int, false: int, missed: int) -> tuple[float, float, float]:
    """F1 and its 95 % interval: it is 2 s / (1 + s) of the share s of right ones among all three, and rises
    with it, so that Wilson's interval of s gives one of F1."""
    share = Share(right, right + false + missed)
    low, high = share.interval
    return _harmonic(share.value), _harmonic(low), _harmonic(high)


def quantile(values: Sequence[float], part: float) -> tuple[float, float, float]:
    """The value that ``part`` of them do not exceed, with a 95 % interval: the values at the ranks that are
    Wilson's bounds for so large a share. NaN of nothing."""
    if not values:
        return math.nan, math.nan, math.nan
    ordered = sorted(values)
    rank = math.ceil(part * len(ordered))
    low, high = Share(rank, len(ordered)).interval

    def at(share: float) -> float:
        return ordered[min(max(math.ceil(share * len(ordered)) - 1, 0), len(ordered) - 1)]

    return ordered[rank - 1], at(low), at(high)


def row(outcome: Outcome, manner: Manner) -> Row:
    """All in one line."""
    looks = [float(fire.looks or 0) for fire in outcome.found]
    known = f", {_brief(outcome.wrongly_alarmed_by_known)} but for look-alikes never trained on"
    known = known if manner.strange else ""
    figure = (
        f"patrols: F1 {_figure(outcome.patrol_f1)}, found on {_brief(outcome.alarmed)}, "
        f"wrongly alarmed {_brief(outcome.wrongly_alarmed)}{known}; "
        f"fires: F1 {_figure(outcome.fire_f1)}, recall {_brief(outcome.recall)}, "
        f"precision {_brief(outcome.precision)}; "
        f"looks to confirm {_figure(quantile(looks, 0.5), 0)}, 90 % in {_figure(quantile(looks, 0.9), 0)}"
    )
    width_px, height_px = manner.size_px
    return Row(f"{len(outcome.flown)} rendered patrols at {width_px}×{height_px} {manner.how}", figure, BAR)


def report(outcome: Outcome, manner: Manner) -> str:
    """All that was counted, as Markdown."""
    found, fires = outcome.found, outcome.fires
    looks = [float(fire.looks or 0) for fire in found]
    errors_m = [fire.error_m for fire in found if fire.error_m is not None]
    hidden = sum(not fire.counts for patrol in outcome.flown for fire in patrol.fires)
    width_px, height_px = manner.size_px
    intro = (
        f"{len(outcome.flown)} patrols, {width_px}×{height_px}, {HEIGHT_M:.0f} m above ground at "
        f"{SPEED_M_S:.0f} m/s, {FRAMES} frames at {1 / FRAME_S:.1f}/s. A fire is found when a confirmed "
        f"hotspot ends within {SAME_PLACE_M:.0f} m of it; it counts when at least {LEAST_LOOKS} frames show "
        f"it ({manner.shown}; {hidden} are not: under trees, too small, out of view). 95 % intervals in "
        "brackets, Wilson's."
    )
    known = "| … at other things than the look-alikes never trained on "
    known += f"| {outcome.wrongly_alarmed_by_known} |"
    lines = [
        f"# {manner.title}",
        "",
        intro,
        "",
        "| what | measured |",
        "|---|---|",
        f"| patrols: F1 | {_figure(outcome.patrol_f1)} |",
        f"| patrols with fires: at least one found | {outcome.alarmed} |",
        f"| patrols without: wrongly alarmed | {outcome.wrongly_alarmed} |",
        *([known] if manner.strange else []),
        f"| fires: F1 | {_figure(outcome.fire_f1)} |",
        f"| fires: recall | {outcome.recall} |",
        f"| fires: precision, on patrols with fires | {outcome.precision} |",
        f"| looks to confirm: half of the fires found | {_figure(quantile(looks, 0.5), 0)} |",
        f"| looks to confirm: 90 % of them | {_figure(quantile(looks, 0.9), 0)} |",
        f"| placed wrongly by, m: half of them | {_figure(quantile(errors_m, 0.5), 1)} |",
        f"| placed wrongly by, m: 90 % of them | {_figure(quantile(errors_m, 0.9), 1)} |",
        f"| inside the 90 % ellipse | {Share(sum(bool(f.held) for f in found), len(found))} |",
        "",
        "| fires | found | of those missed, no box on any frame |",
        "|---|---|---|",
        *_by("flame", fires, lambda fire: _size(fire.flame_m)),
        *_by("", fires, lambda fire: "with smoke" if fire.smoky else "without smoke"),
        *_by("light", [f for p in outcome.flown for f in p.fires if f.counts], _light_of(outcome)),
        "",
        "| false alarms | on patrols with fires | without |",
        "|---|---|---|",
        *_alarms(outcome),
        "",
        "| patrol | what went wrong |",
        "|---|---|",
        *_failures(outcome),
    ]
    return "\n".join(lines) + "\n"


def _by(name: str, fires: Iterable[FireFate], kind_of: Callable[[FireFate], str]) -> list[str]:
    groups: dict[str, list[FireFate]] = {}
    for fire in fires:
        groups.setdefault(kind_of(fire), []).append(fire)
    return [
        f"| {name} {kind} | {Share(sum(f.found for f in group), len(group))} "
        f"| {Share(sum(not f.found and not f.boxed for f in group), sum(not f.found for f in group))} |"
        for kind, group in sorted(groups.items())
    ]


def _light_of(outcome: Outcome) -> Callable[[FireFate], str]:
    lights = {id(fire): patrol.light for patrol in outcome.flown for fire in patrol.fires}
    return lambda fire: lights[id(fire)]


def _size(flame_m: float) -> str:
    low = max((size for size in SIZES_M if size <= flame_m), default=None)
    if low is None:
        return f"under {SIZES_M[0]:.1f} m"
    return f"from {low:.1f} m"


def _alarms(outcome: Outcome) -> list[str]:
    counts = Counter((a.why, p.burning) for p in outcome.flown for a in p.false_alarms)
    return [
        f"| {why} | {counts[why, True]} | {counts[why, False]} |" for why in sorted({w for w, _ in counts})
    ]


def _failures(outcome: Outcome) -> list[str]:
    return [
        f"| {patrol.seed}, {patrol.light} | {failure} |"
        for patrol in sorted(outcome.flown, key=lambda patrol: patrol.seed)
        for failure in (
            *(_missed(fire) for fire in patrol.fires if fire.counts and not fire.found),
            *(f"false alarm: {one.label} at {one.why}, {one.looks} looks" for one in patrol.false_alarms),
        )
    ]


def _missed(fire: FireFate) -> str:
    return (
        f"{fire.name} missed: flame {fire.flame_m:.1f} m, at most {fire.largest_px:.0f} px"
        f"{', smoke' if fire.smoky else ''}; on {fire.shown} frames, a box near it on {fire.boxed}"
    )


def _harmonic(share: float) -> float:
    return 2 * share / (1 + share)


def _figure(value: tuple[float, float, float], digits: int = 3) -> str:
    return "{0:.{d}f} ({1:.{d}f} to {2:.{d}f})".format(*value, d=digits)


def _brief(share: Share) -> str:
    return f"{share.hits}/{share.of} ({share.interval[0]:.2f} to {share.interval[1]:.2f})"
