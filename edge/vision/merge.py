"""One list of boxes from a whole frame and its tiles: what a tile's edge has cut is put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from edge.thermal.heat import Heat
from edge.vision.tile import Tile
from models.detection import Detection

# A box that ends this close to its tile's edge (part of the tile's longer side) is cut by it.
CUT = 0.008
# Two pieces of one thing: this part of the shorter one's side along the cut must be common to both.
COMMON_SIDE = 0.5
# Two boxes of one thing: their common part of what both cover; or of the smaller one, when it is a piece.
SAME_IOU = 0.45
PIECE_PART = 0.6


@dataclass(frozen=True, slots=True)
class Found(Detection):
    """A detection on a frame that may have been looked at in parts."""

    magnification: float = 1.0
    """How many times larger than in the whole frame it was shown to the detector; 1 if found there, too."""
    cut_below: bool = False
    """It goes on below the part that was looked at: its lower edge is none of its own."""
    cut_aside: bool = False
    """It goes on to the left or the right of the part that was looked at."""
    heat: Heat | None = None
    """Its temperatures, where a thermal camera found it."""

    @classmethod
    def of_record(cls, told: dict[str, Any]) -> Self:
        """From what ``dataclasses.asdict`` makes of one. Raises TypeError for anything else."""
        heat = told.get("heat")
        return cls(**{**told, "heat": None if heat is None else Heat(**heat)})


@dataclass(frozen=True, slots=True)
class _Piece:
    """A box in pixels of the frame, and what it is a part of."""

    found: Found
    cut: tuple[bool, bool, bool, bool] = (False, False, False, False)
    """Whether a tile's edge has cut it on the left, above, on the right, below."""
    tiles: frozenset[Tile] = frozenset()

    @property
    def cuts(self) -> int:
        return sum(self.cut)


def merged(
    whole: Sequence[Detection],
    tiled: Sequence[tuple[Tile, Sequence[Detection]]],
    size_px: tuple[int, int],
) -> list[Found]:
    """All that was found on a frame of ``size_px``, once, best first.

    ``tiled`` has each tile's detections in pixels of the tile. Pieces of one thing on both sides of an edge
    become one box; of two boxes of one thing the better is kept: the one with fewer sides cut, then the one
    with the higher score.
    """
    pieces = [_placed(box, tile, size_px) for tile, boxes in tiled for box in boxes]
    candidates = [_Piece(_as_found(box)) for box in whole] + _joined(pieces)
    candidates.sort(key=lambda piece: (piece.cuts, -piece.found.score))
    kept: list[_Piece] = []
    for piece in candidates:
        same = next((i for i, other in enumerate(kept) if _is_same(piece, other)), None)
        if same is None:
            kept.append(piece)
        else:
            kept[same] = _seen_by_both(kept[same], piece)
    found = [
        replace(piece.found, cut_below=piece.cut[3], cut_aside=piece.cut[0] or piece.cut[2]) for piece in kept
    ]
    return sorted(found, key=lambda one: -one.score)


def _as_found(box: Detection, magnification: float = 1.0) -> Found:
    return Found(box.label, box.score, box.x1, box.y1, box.x2, box.y2, magnification)


def _placed(box: Detection, tile: Tile, size_px: tuple[int, int]) -> _Piece:
    """A tile's box on the frame. The frame's own edges cut as well, but there is nothing beyond them."""
    near_px = max(2.0, CUT * max(tile.width, tile.height))
    width_px, height_px = size_px
    cut = (
        tile.x > 0 and box.x1 <= near_px,
        tile.y > 0 and box.y1 <= near_px,
        tile.x + tile.width < width_px and box.x2 >= tile.width - 1 - near_px,
        tile.y + tile.height < height_px and box.y2 >= tile.height - 1 - near_px,
    )
    moved = replace(
        _as_found(box, max(width_px / tile.width, 1.0)),
        x1=box.x1 + tile.x,
        y1=box.y1 + tile.y,
        x2=box.x2 + tile.x,
        y2=box.y2 + tile.y,
    )
    return _Piece(moved, cut, frozenset((tile,)))


def _joined(pieces: list[_Piece]) -> list[_Piece]:
    """Pieces of one thing made one, until none fit together any more: four tiles may meet in a thing."""
    pieces = list(pieces)
    i = 0
    while i < len(pieces):
        # Among all of them: what this one has grown to may fit one that fitted nothing before.
        j = next((j for j in range(len(pieces)) if j != i and _are_one(pieces[i], pieces[j])), None)
        if j is None:
            i += 1
        else:
            pieces[i] = _union(pieces[i], pieces[j])
            del pieces[j]
            i -= j < i
    return pieces


def _are_one(a: _Piece, b: _Piece) -> bool:
    if a.found.label != b.found.label or a.tiles == b.tiles:
        return False
    f, g = a.found, b.found
    wide_px, tall_px = min(f.x2, g.x2) - max(f.x1, g.x1), min(f.y2, g.y2) - max(f.y1, g.y1)
    if min(wide_px, tall_px) < 0:
        return False
    # Each goes on where the other lies: one to the right and one to the left, or one below and one above.
    beside = (a.cut[2] and b.cut[0]) or (a.cut[0] and b.cut[2])
    above = (a.cut[3] and b.cut[1]) or (a.cut[1] and b.cut[3])
    least_wide_px, least_tall_px = min(f.x2 - f.x1, g.x2 - g.x1), min(f.y2 - f.y1, g.y2 - g.y1)
    return bool(
        (beside and tall_px >= COMMON_SIDE * least_tall_px)
        or (above and wide_px >= COMMON_SIDE * least_wide_px)
    )


def _union(a: _Piece, b: _Piece) -> _Piece:
    """Both as one box. A side is cut where the piece that reaches furthest there is."""
    f, g = a.found, b.found
    box = replace(
        f if f.score >= g.score else g,
        x1=min(f.x1, g.x1),
        y1=min(f.y1, g.y1),
        x2=max(f.x2, g.x2),
        y2=max(f.y2, g.y2),
        magnification=min(f.magnification, g.magnification),
    )
    cut = (
        (a if f.x1 <= g.x1 else b).cut[0],
        (a if f.y1 <= g.y1 else b).cut[1],
        (a if f.x2 >= g.x2 else b).cut[2],
        (a if f.y2 >= g.y2 else b).cut[3],
    )
    return _Piece(box, cut, a.tiles | b.tiles)


def _is_same(piece: _Piece, kept: _Piece) -> bool:
    """Whether a piece shows what a better one shows already."""
    f, g = piece.found, kept.found
    if f.label != g.label:
        return False
    common = max(0.0, min(f.x2, g.x2) - max(f.x1, g.x1)) * max(0.0, min(f.y2, g.y2) - max(f.y1, g.y1))
    area, other = _area(f), _area(g)
    if common <= 0.0:
        return False
    # A tile shows parts of a thing as things of their own, and they are no better than the whole.
    is_part = piece.cuts > 0 or piece.tiles != kept.tiles
    return common >= SAME_IOU * (area + other - common) or (is_part and common >= PIECE_PART * area)


def _seen_by_both(kept: _Piece, other: _Piece) -> _Piece:
    found = kept.found
    return replace(
        kept,
        found=replace(
            found,
            score=max(found.score, other.found.score),
            magnification=min(found.magnification, other.found.magnification),
        ),
    )


def _area(found: Found) -> float:
    return max(found.x2 - found.x1, 1e-6) * max(found.y2 - found.y1, 1e-6)
