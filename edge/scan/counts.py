"""The scan in numbers: what was seen in how many files, and how that agrees with labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

Labels = frozenset[str]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of the labelled photos: in how many something stands, in how many of those it was found, and in
    how many of the others it was seen all the same."""

    labelled: int
    found: int
    others: int
    wrongly_flagged: int

    @property
    def recall(self) -> float | None:
        return self.found / self.labelled if self.labelled else None

    @property
    def wrong_rate(self) -> float | None:
        return self.wrongly_flagged / self.others if self.others else None


@dataclass(frozen=True, slots=True)
class Counts:
    """Files. Those with fire and those with smoke both include those with both.

    The agreements are None where no photo had labels.
    """

    files: int
    scanned: int
    skipped: int
    with_fire: int
    with_smoke: int
    with_both: int
    with_nothing: int
    labelled_photos: int
    labelled_both: int
    labelled_nothing: int
    fire: Agreement | None
    smoke: Agreement | None
    fire_or_smoke: Agreement | None


def count(scanned: Iterable[tuple[Labels, Labels | None]], skipped: int) -> Counts:
    """Count files by (labels seen, labels given or None)."""
    pairs = list(scanned)
    seen = [labels for labels, _ in pairs]
    judged = [(labels, truth) for labels, truth in pairs if truth is not None]
    both = frozenset({"fire", "smoke"})
    return Counts(
        files=len(pairs) + skipped,
        scanned=len(pairs),
        skipped=skipped,
        with_fire=sum("fire" in labels for labels in seen),
        with_smoke=sum("smoke" in labels for labels in seen),
        with_both=sum(both <= labels for labels in seen),
        with_nothing=sum(not both & labels for labels in seen),
        labelled_photos=len(judged),
        labelled_both=sum(both <= truth for _, truth in judged),
        labelled_nothing=sum(not truth for _, truth in judged),
        fire=_agreement(judged, frozenset({"fire"})),
        smoke=_agreement(judged, frozenset({"smoke"})),
        fire_or_smoke=_agreement(judged, both),
    )


def _agreement(judged: list[tuple[Labels, Labels]], any_of: Labels) -> Agreement | None:
    if not judged:
        return None
    there = [bool(seen & any_of) for seen, truth in judged if truth & any_of]
    not_there = [bool(seen & any_of) for seen, truth in judged if not truth & any_of]
    return Agreement(len(there), sum(there), len(not_there), sum(not_there))


@dataclass(frozen=True, slots=True)
class PlaceCounts:
    """Detections, by how they could be put on the ground."""

    dem: int
    flat: int
    bearing_only: int
    none: int

    @property
    def all(self) -> int:
        return self.dem + self.flat + self.bearing_only + self.none


def count_places(methods: Iterable[str]) -> PlaceCounts:
    """Count detections by the method of their place."""
    found = Counter(methods)
    return PlaceCounts(found["dem"], found["flat"], found["bearing-only"], found["none"])
