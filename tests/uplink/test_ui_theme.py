"""The looks of the page: what is written in any of its colours can be read on any of its grounds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

THEME = Path(__file__).parents[2] / "uplink/station/ui/src/theme.css"
GROUNDS = ("bg", "panel", "raised")
WORDS = (
    "text",
    "dim",
    "gone",
    "fire",
    "smoke",
    "air",
    "patrol",
    "tip",
    "ok",
    "warn",
    "bad",
)
LOOKS = {"dark": 4.5, "light": 4.5, "sun": 7.0}


def colours_of(look: str) -> dict[str, str]:
    css = THEME.read_text(encoding="utf-8")
    usual = _block(css, ":root {")
    return usual if look == "dark" else usual | _block(css, f':root[data-look="{look}"] {{')


def _block(css: str, head: str) -> dict[str, str]:
    body = css.split(head, 1)[1].split("}", 1)[0]
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]+)", body))


def contrast(one: str, other: str) -> float:
    """By WCAG 2.2."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:]
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_contrast_is_reckoned_as_the_guideline_does() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777", "#fff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("look", LOOKS)
def test_every_word_can_be_read(look: str) -> None:
    colours, least = colours_of(look), LOOKS[look]
    pairs = [(word, ground) for word in WORDS for ground in GROUNDS]
    pairs += [("on-main", "main"), ("on-main", "alarm"), ("on-caution", "caution"), ("on-photo", "photo")]
    pairs += [("on-tone", tone) for tone in ("fire", "smoke", "air", "tip")]
    found = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in found.items() if ratio < least} == {}


@pytest.mark.parametrize("look", LOOKS)
def test_an_edge_of_what_is_pointed_at_stands_out(look: str) -> None:
    colours = colours_of(look)
    least = 7.0 if look == "sun" else 2.2
    assert min(contrast(colours["edge"], colours[ground]) for ground in GROUNDS) >= least
