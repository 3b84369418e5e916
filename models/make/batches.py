"""Training batches made where the network is: all pictures in memory, changed at random as they are drawn.

A graphics card waits for the few cores that read and change pictures for it. So the pictures are kept on
the training device as they are and every batch is sampled from them there: mosaics of four, scale, turn,
shift, mirror image, colour, blur and noise. Works on a CPU as well, in its memory.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from models.letterbox import GREY
from models.make.dataset import DatasetError, Example, is_made
from models.make.picture import read_picture

SMALLEST_BOX_PX = 4.0
"""Longer side under which a box that was made smaller is no longer taught."""
SMALLEST_SHARE = 0.15
"""Share of a box that must be left in the picture for it to be taught."""
Rgb = NDArray[np.uint8]
_LEVELS = 3
_TILES = 4
_AT_ONCE = (64, 256)
"""Tiles sampled together, on a CPU and on a GPU: what fits a cache, and what keeps many units busy."""
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class Changes:
    """How far pictures are changed at random."""

    mosaic: float = 1.0
    """Share of pictures that are made of four."""
    scale: float = 0.5
    """Pictures are scaled by 1 ± this, as often smaller as larger."""
    degrees: float = 5.0
    shift: float = 0.15
    """Pictures are moved by up to this share of the side."""
    hue: float = 0.01
    saturation: float = 0.5
    brightness: float = 0.4
    blur: float = 0.08
    """Share of pictures that are out of focus."""
    noise: float = 0.15
    """Share of pictures with sensor noise."""


class Album:
    """Labelled pictures on a device, at full, half and quarter size.

    Raises :class:`DatasetError` for pictures that cannot be read or do not fit into the device's memory.
    """

    def __init__(self, pictures: Sequence[Example], side_px: int, device: torch.device) -> None:
        if not pictures:
            raise DatasetError("no pictures to train on")
        self.side_px = side_px
        self.device = device
        self.made = torch.tensor([is_made(example.picture) for example in pictures], device=device)
        most = max(1, *(len(example.boxes) for example in pictures))
        self.sizes = torch.zeros(len(pictures), 2)
        self.boxes = torch.zeros(len(pictures), most, 4)
        self.classes = torch.full((len(pictures), most), -1, dtype=torch.long)
        sides = [-(-side_px // 2**level) for level in range(_LEVELS)]
        _refuse_too_large(len(pictures) * 3 * sum(side * side for side in sides), device)
        self.levels = [
            torch.empty(len(pictures), 3, side, side, dtype=torch.uint8, device=device) for side in sides
        ]
        full = self.levels[0]
        for index, (example, rgb) in enumerate(_fitted_all(pictures, side_px)):
            height, width = rgb.shape[:2]
            self.sizes[index, 0], self.sizes[index, 1] = width, height
            for row, box in enumerate(example.boxes):
                self.boxes[index, row] = torch.tensor(box.corners(width, height))
                self.classes[index, row] = box.label
            full[index] = GREY
            full[index, :, :height, :width] = torch.from_numpy(rgb).to(device).permute(2, 0, 1)
        for first in range(0, len(pictures), 64):
            some = slice(first, first + 64)
            for level, side in zip(self.levels[1:], sides[1:], strict=True):
                level[some] = functional.interpolate(full[some].float(), (side, side), mode="area").round()
        self.sizes, self.boxes = self.sizes.to(device), self.boxes.to(device)
        self.classes = self.classes.to(device)

    def __len__(self) -> int:
        return len(self.sizes)

    def odds(self, made_share: float) -> torch.Tensor:
        """How often each picture is to be drawn so that ``made_share`` of all are rendered or composed.

        Raises :class:`DatasetError` where one of the two kinds is wanted and missing.
        """
        made = self.made.sum()
        real = len(self) - made
        if (made_share > 0 and not made) or (made_share < 1 and not real):
            raise DatasetError("made_share needs both photos and rendered or composed pictures")
        return torch.where(self.made, made_share / made.clamp(min=1), (1 - made_share) / real.clamp(min=1))

    def draw(
        self, chosen: torch.Tensor, mosaic: bool, changes: Changes, rng: torch.Generator, side_px: int
    ) -> Batch:
        """A picture for each row of ``chosen``, which names four pictures with ``mosaic``, else one."""
        count, tiles = chosen.shape
        placed = self._place(chosen, mosaic, changes, rng) * (side_px / self.side_px)
        images = self._sampled(chosen.reshape(-1), placed, side_px).view(count, tiles, 3, side_px, side_px)
        images = (images.sum(dim=1) + GREY).clamp_(0, 255)
        images = _coloured(images, changes, rng)
        corners, classes, rows = self._taught(chosen, placed, side_px)
        return Batch(images, corners / side_px, classes, rows)

    def _place(
        self, chosen: torch.Tensor, mosaic: bool, changes: Changes, rng: torch.Generator
    ) -> torch.Tensor:
        """2×3 maps from picture to the album's side (outer edges), for every tile: (count · tiles, 2, 3)."""
        count, tiles = chosen.shape
        side = float(self.side_px)

        def between(low: float, high: float, *shape: int) -> torch.Tensor:
            return torch.rand(*shape, generator=rng, device=self.device) * (high - low) + low

        sizes = self.sizes[chosen]
        if mosaic:  # each picture with a corner at the crossing, which lies in the middle half of the canvas
            crossing = between(-0.5, 0.5, count, 1, 2) * side
            before = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0]], device=self.device)
            origin = crossing - before * sizes
        else:
            origin = -sizes / 2
        low, high = math.log(max(1 - changes.scale, 0.05)), math.log(1 + changes.scale)
        scale = between(low, high, count, 1).exp()
        turn = between(-changes.degrees, changes.degrees, count, 1) * (math.pi / 180)
        cos, sin = scale * turn.cos(), scale * turn.sin()
        shift = between(0.5 - changes.shift, 0.5 + changes.shift, count, 1, 2) * side
        mirror = torch.where(between(0, 1, count, tiles) < 0.5, -1.0, 1.0)
        x0 = torch.where(mirror < 0, origin[..., 0] + sizes[..., 0], origin[..., 0])
        y0 = origin[..., 1]
        maps = torch.stack(
            [
                torch.stack([cos * mirror, -sin.expand_as(mirror), cos * x0 - sin * y0 + shift[..., 0]], -1),
                torch.stack([sin * mirror, cos.expand_as(mirror), sin * x0 + cos * y0 + shift[..., 1]], -1),
            ],
            dim=-2,
        )
        return maps.view(count * tiles, 2, 3)

    def _sampled(self, chosen: torch.Tensor, maps: torch.Tensor, side: int) -> torch.Tensor:
        """Every tile drawn on its own output picture, less grey; nought where it is not."""
        linear = maps[:, :, :2]
        inverse = torch.linalg.inv(linear)
        scale = torch.linalg.det(linear).abs().sqrt()
        level_of = (-scale.log2() + 0.25).floor().clamp(0, _LEVELS - 1).long()
        axis = torch.arange(side, device=self.device, dtype=torch.float32) + 0.5
        drawn = torch.zeros(len(chosen), 3, side, side, device=self.device)
        for level, bank in enumerate(self.levels):
            (here,) = torch.nonzero(level_of == level, as_tuple=True)
            for some in here.split(_AT_ONCE[self.device.type == "cuda"]):
                back, start = inverse[some], maps[some, :, 2]
                origin = -(back @ start[:, :, None])[..., 0]
                x = (
                    back[:, 0, 0, None, None] * axis
                    + back[:, 0, 1, None, None] * axis[:, None]
                    + origin[:, 0, None, None]
                )
                y = (
                    back[:, 1, 0, None, None] * axis
                    + back[:, 1, 1, None, None] * axis[:, None]
                    + origin[:, 1, None, None]
                )
                width, height = self.sizes[chosen[some]].T[..., None, None]
                inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
                grid = torch.stack([x, y], dim=-1) * (2.0 / self.side_px) - 1.0
                tile = functional.grid_sample(
                    bank[chosen[some]].float(),
                    grid,
                    mode="bilinear",
                    padding_mode="border",
                    align_corners=False,
                )
                drawn[some] = (tile - GREY) * inside[:, None]
        return drawn

    def _taught(
        self, chosen: torch.Tensor, maps: torch.Tensor, side_px: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Corners in output pixels, classes and the batch's row of every box that is left to be seen."""
        count, tiles = chosen.shape
        boxes, classes = self.boxes[chosen.reshape(-1)], self.classes[chosen.reshape(-1)]
        x1, y1, x2, y2 = boxes.unbind(-1)
        points = torch.stack([torch.stack([x1, x2, x2, x1], -1), torch.stack([y1, y1, y2, y2], -1)], dim=-1)
        moved = torch.einsum("nmpk,njk->nmpj", points, maps[:, :, :2]) + maps[:, None, None, :, 2]
        low, high = moved.amin(dim=2), moved.amax(dim=2)
        whole = (high - low).prod(dim=-1)
        low, high = low.clamp(0, side_px), high.clamp(0, side_px)
        sides = high - low
        kept = (
            (classes >= 0)
            & (sides.amax(dim=-1) >= SMALLEST_BOX_PX)
            & (sides.amin(dim=-1) >= 2.0)
            & (sides.prod(dim=-1) >= SMALLEST_SHARE * whole)
        )
        row = torch.arange(count, device=self.device).repeat_interleave(tiles)[:, None].expand_as(classes)
        return torch.cat([low, high], dim=-1)[kept], classes[kept], row[kept]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Pictures (count, 3, side, side; RGB, 0…255) with boxes: corners in shares, class, row of the batch."""

    images: torch.Tensor
    corners: torch.Tensor
    classes: torch.Tensor
    rows: torch.Tensor

    def as_ultralytics(self) -> dict[str, Any]:
        """The batch under the names and in the shapes that Ultralytics' trainer and loss expect."""
        low, high = self.corners[:, :2], self.corners[:, 2:]
        return {
            "img": self.images,
            "cls": self.classes[:, None].float(),
            "bboxes": torch.cat([(low + high) / 2, high - low], dim=1),
            "batch_idx": self.rows.float(),
        }


class Batches:
    """An endless supply of training batches that looks like a data loader to Ultralytics.

    Equal seeds give equal batches on one kind of device. Each batch has one of ``sides_px``, at random.
    ``made_share`` of the pictures are rendered or composed ones, instead of as many as the album holds.
    ``mosaic`` may be set to 0 on the way, for the last part of a training.
    """

    num_workers = 0
    drop_last = True

    def __init__(
        self,
        album: Album,
        batch_size: int,
        changes: Changes,
        seed: int,
        *,
        sides_px: Sequence[int] = (),
        made_share: float | None = None,
    ) -> None:
        self.album = album
        self.batch_size = batch_size
        self.changes = changes
        self.mosaic = changes.mosaic
        self.sides_px = tuple(sides_px) or (album.side_px,)
        self._odds = None if made_share is None else album.odds(made_share)
        self._sides_drawn = np.random.default_rng(seed)
        self._rng = torch.Generator(device=album.device).manual_seed(seed)

    @property
    def dataset(self) -> Batches:
        """What Ultralytics asks for the number of pictures, and tells to end mosaics."""
        return self

    @property
    def sampler(self) -> range:
        """The pictures of a round."""
        return range(len(self.album))

    @property
    def labels(self) -> list[dict[str, Any]]:
        """The classes of every picture's boxes, as Ultralytics keeps them."""
        counts = (self.album.classes >= 0).sum(dim=1).tolist()
        return [{"cls": np.zeros((count, 1), np.float32)} for count in counts]

    def __len__(self) -> int:
        return max(1, len(self.album) // self.batch_size)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """One round: as many pictures as there are, each mosaic counted as one."""
        for _ in range(len(self)):
            yield self._batch().as_ultralytics()

    def reset(self) -> None:
        """Nothing to start anew: batches are made as they are asked for."""

    def close_mosaic(self, hyp: Any = None) -> None:  # noqa: ARG002 - Ultralytics passes its settings
        """Only whole pictures from now on."""
        self.mosaic = 0.0

    def _chosen(self, count: int, tiles: int) -> torch.Tensor:
        if self._odds is None:
            return torch.randint(
                len(self.album), (count, tiles), generator=self._rng, device=self.album.device
            )
        drawn = torch.multinomial(self._odds, count * tiles, replacement=True, generator=self._rng)
        return drawn.view(count, tiles)

    def _batch(self) -> Batch:
        side_px = int(self._sides_drawn.choice(self.sides_px))
        split = round(self.mosaic * self.batch_size)
        parts = []
        for count, tiles in ((split, _TILES), (self.batch_size - split, 1)):
            if count:
                chosen = self._chosen(count, tiles)
                parts.append(self.album.draw(chosen, tiles == _TILES, self.changes, self._rng, side_px))
        if len(parts) == 1:
            return parts[0]
        return Batch(
            torch.cat([part.images for part in parts]),
            torch.cat([part.corners for part in parts]),
            torch.cat([part.classes for part in parts]),
            torch.cat([parts[0].rows, parts[1].rows + split]),
        )


def _refuse_too_large(needed_bytes: int, device: torch.device) -> None:
    """Leaves a fifth of the memory to the network that is trained."""
    if device.type == "cuda":
        there = int(torch.cuda.mem_get_info(device)[0])
    else:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed_bytes > 0.8 * there:
        raise DatasetError(
            f"the pictures take {needed_bytes / 1e9:.1f} GB of memory, and there are {there / 1e9:.1f} GB",
            hint="Choose a smaller --input-px, or leave out --on-device.",
        )


def _fitted_all(pictures: Sequence[Example], side_px: int) -> Iterator[tuple[Example, Rgb]]:
    """Every picture in order, read by several threads, a few hundred at a time."""
    with ThreadPoolExecutor() as pool:
        for first in range(0, len(pictures), 256):
            some = pictures[first : first + 256]
            yield from zip(some, pool.map(lambda example: _fitted(example, side_px), some), strict=True)


def _fitted(example: Example, side_px: int) -> Rgb:
    """The picture as RGB, its longer side made ``side_px``."""
    image = read_picture(example.picture)
    height, width = image.shape[:2]
    scale = side_px / max(height, width)
    if scale != 1.0:
        size = (min(side_px, max(1, round(width * scale))), min(side_px, max(1, round(height * scale))))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def _coloured(images: torch.Tensor, changes: Changes, rng: torch.Generator) -> torch.Tensor:
    """Hue, saturation and brightness changed picture by picture, as one matrix each; then blur and noise."""
    count, device = len(images), images.device

    def around(spread: float) -> torch.Tensor:
        return (torch.rand(count, 1, 1, generator=rng, device=device) * 2 - 1) * spread

    luma = torch.tensor(_LUMA, device=device).expand(3, 3)
    own = torch.eye(3, device=device).expand(count, 3, 3)
    saturated = luma + (own - luma) * (1 + around(changes.saturation))
    angle = around(changes.hue) * (2 * math.pi)
    grey = torch.full((3, 3), 1 / 3, device=device)
    skew = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]], device=device) / math.sqrt(3)
    turned = grey + (own - grey) * angle.cos() + skew * angle.sin()
    matrix = (turned @ saturated) * (1 + around(changes.brightness))
    flat = torch.bmm(matrix, images.flatten(2)).view_as(images)
    blurred, noisy = (
        torch.nonzero(torch.rand(count, generator=rng, device=device) < share)[:, 0]
        for share in (changes.blur, changes.noise)
    )
    if len(blurred):
        flat[blurred] = functional.avg_pool2d(flat[blurred], 3, stride=1, padding=1, count_include_pad=False)
    if len(noisy):
        noise = torch.randn(flat[noisy].shape, generator=rng, device=device)
        flat[noisy] += noise * torch.rand(len(noisy), 1, 1, 1, generator=rng, device=device) * 9
    return flat.clamp_(0, 255)
