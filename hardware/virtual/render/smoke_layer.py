"""Draws plumes: every puff a lit sprite, softly cut where it meets the ground, all blended as one layer."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.render.canvas import Canvas, Layer
from hardware.virtual.world.noise import Floats, colour_of, smoothstep
from hardware.virtual.world.plume import SPRITE_PX, Plume, puff_sprites, puffs

_CLOSEST_M = 5.0
_CLEAR_M = 22.0
_EMBER = (26.0, 84.0, 190.0)


def draw_smoke(
    canvas: Canvas,
    source_m: NDArray[np.float64],
    plume: Plume,
    wind_m_s: tuple[float, float],
    flame_height_m: float = 0.0,
) -> Layer | None:
    """Blend one plume over the picture. Flames of ``flame_height_m`` light it from below in the dark."""
    lens, light = canvas.lens, canvas.light
    cloud = puffs(plume, wind_m_s, canvas.time_s)
    points = canvas.to_camera(cloud.offset_m + source_m)
    depth = points[:, 2]
    distance = np.linalg.norm(points, axis=1)
    pixels = lens.project(points)
    radius = lens.focal_px * cloud.radius_m / np.maximum(depth, 0.1)
    # The lens would be inside a puff that is very close: let it fade.
    opacity = cloud.opacity * smoothstep(_CLOSEST_M, _CLEAR_M, distance - cloud.radius_m)
    u, v = pixels[:, 0], pixels[:, 1]
    drawn = (depth > _CLOSEST_M) & np.isfinite(u) & (opacity > 0.004)
    in_frame = drawn & (u > -radius) & (u < lens.width_px + radius)
    in_frame &= (v > -radius) & (v < lens.height_px + radius)
    if not in_frame.any():
        return None
    # Smoke is soft: half the resolution is enough for it, a quarter where puffs are large.
    scale = 4 if float(radius[in_frame].max()) > 70.0 else 2
    x0 = max(0, int(np.floor((u - radius)[in_frame].min() / scale)))
    y0 = max(0, int(np.floor((v - radius)[in_frame].min() / scale)))
    x1 = min(-(-lens.width_px // scale), int(np.ceil((u + radius)[in_frame].max() / scale)) + 1)
    y1 = min(-(-lens.height_px // scale), int(np.ceil((v + radius)[in_frame].max() / scale)) + 1)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    ground = canvas.depth((x0, y0, x1, y1), scale)
    flat = math.hypot(plume.flatness * canvas.standing, canvas.lying)
    embers = np.exp(-np.maximum(cloud.offset_m[:, 2], 0.0) / (1.5 + 1.6 * flame_height_m))
    embers *= 0.45 * light.glow if light.glow > 0.5 and flame_height_m > 0.0 else 0.0
    # Channels: opacity, brightness, light from below; the last two weighted by opacity.
    layer = np.zeros((y1 - y0, x1 - x0, 3), np.float32)
    sprites = puff_sprites()
    hidden, covered = 0.0, 1e-6
    for index in np.argsort(-distance):
        if not in_frame[index]:
            continue
        size = 2.0 * radius[index] / scale
        x, y = (u[index] + 0.5) / scale - 0.5 - x0, (v[index] + 0.5) / scale - 0.5 - y0
        half = size * 0.5 + 1
        left, right = max(0, int(x - half)), min(x1 - x0, int(x + half) + 2)
        top, bottom = max(0, int(y - half)), min(y1 - y0, int(y + half) + 2)
        if right <= left or bottom <= top:
            continue
        sprite = _lit(canvas, sprites[cloud.kind[index]], cloud.turn_rad[index], plume.billow)
        matrix = _placed(canvas, size, cloud.turn_rad[index], flat, x - left, y - top)
        piece = cv2.warpAffine(sprite, matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
        cover = piece[..., 0] * np.float32(opacity[index])
        soft_m = max(2.0, float(cloud.radius_m[index]) * 0.7)
        beyond_m = ground[top:bottom, left:right] - np.float32(distance[index] - 0.4 * soft_m)
        visible = cover * np.clip(beyond_m * np.float32(1 / soft_m), 0.0, 1.0)
        covered += float(cover.sum())
        hidden += float(cover.sum() - visible.sum())
        part = layer[top:bottom, left:right]
        part *= (1.0 - visible)[..., None]
        part[..., 0] += visible
        part[..., 1] += visible * piece[..., 1] * np.float32(cloud.brightness[index])
        part[..., 2] += visible * np.float32(embers[index])
    left, top = x0 * scale, y0 * scale
    full = cv2.resize(layer, ((x1 - x0) * scale, (y1 - y0) * scale), interpolation=cv2.INTER_LINEAR)
    full = full[: lens.height_px - top, : lens.width_px - left]
    alpha = np.ascontiguousarray(full[..., 0], np.float32)
    mean_m = float(np.average(distance[in_frame], weights=opacity[in_frame] + 1e-6))
    through = canvas.through(mean_m)
    own = colour_of(plume.colour) * colour_of(light.smoke_gain) * np.float32(through)
    ember = colour_of(_EMBER) * np.float32(through)
    air = canvas.air(left + alpha.shape[1] / 2, top + alpha.shape[0] / 2) * np.float32(1.0 - through)
    colour = cv2.merge([full[..., 1] * own[c] + full[..., 2] * ember[c] + alpha * air[c] for c in range(3)])
    canvas.blend(left, top, alpha, np.asarray(colour, np.float32))
    weight = opacity * radius**2
    centred = drawn & (u > 0) & (u < lens.width_px) & (v > 0) & (v < lens.height_px)
    shown = (1.0 - hidden / covered) * float(weight[centred].sum()) / max(float(weight[drawn].sum()), 1e-6)
    return Layer(left, top, alpha * np.float32(through), float(np.clip(shown, 0.0, 1.0)))


def _lit(canvas: Canvas, sprite: Floats, turn_rad: float, billow: float) -> Floats:
    """(opacity, brightness) of a puff under this light, in the sprite's own axes."""
    c, s = math.cos(turn_rad), math.sin(turn_rad)
    sun_x = c * canvas.sun[0] + s * canvas.sun[1]
    sun_y = -s * canvas.sun[0] + c * canvas.sun[1]
    contrast = 0.34 * billow * (1.0 - 0.6 * canvas.light.cloud_cover)
    slope = np.float32(sun_x) * sprite[..., 1] + np.float32(sun_y) * sprite[..., 2]
    return np.asarray(cv2.merge([sprite[..., 0], 0.84 + np.float32(contrast) * slope]), np.float32)


def _placed(
    canvas: Canvas, size: float, turn_rad: float, flat: float, x: float, y: float
) -> NDArray[np.float64]:
    """2x3 affine map from sprite pixels to the layer, squashed along the world's up."""
    c, s = math.cos(turn_rad), math.sin(turn_rad)
    squash = np.eye(2) - (1.0 - min(flat, 1.0)) * np.outer(canvas.up, canvas.up)
    linear = squash @ np.array([[c, -s], [s, c]]) * (size / SPRITE_PX)
    middle = np.array([(SPRITE_PX - 1) / 2.0, (SPRITE_PX - 1) / 2.0])
    return np.column_stack([linear, np.array([x, y]) - linear @ middle])
