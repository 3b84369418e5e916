"""Families of country: what covers the ground, and in which colours.

The detector trains on ``TRAINING_FAMILIES``; the demo flies over ``"eucalypt"``, which it has never seen.
Colours are BGR as a camera shows them in full daylight.
"""

from __future__ import annotations

from dataclasses import dataclass

from flight.errors import EmberwatchError

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of country. Shares are of the area; spacings in metres."""

    name: str
    grass: tuple[Colour, ...]
    soil: tuple[Colour, ...]
    crowns: tuple[Colour, ...]
    roofs: tuple[Colour, ...]
    crops: tuple[Colour, ...]
    road: Colour
    track: Colour
    water: Colour
    forest_share: float
    tree_spacing_m: float
    tree_height_m: float
    conifer_share: float
    lone_trees: float
    field_share: float
    bare_share: float
    water_share: float
    buildings: int
    relief_m: float
    snow_share: float = 0.0
    autumn_share: float = 0.0


_FAMILIES = {
    family.name: family
    for family in (
        Family(
            name="temperate",
            grass=((62, 112, 92), (70, 125, 108), (80, 128, 124), (58, 98, 78)),
            soil=((92, 116, 136), (104, 126, 142)),
            crowns=((36, 66, 54), (40, 76, 64), (34, 58, 44), (44, 84, 76), (32, 54, 48)),
            roofs=((52, 62, 148), (60, 74, 158), (112, 108, 106), (70, 80, 120), (84, 84, 88)),
            crops=((84, 158, 148), (70, 130, 100), (92, 168, 176), (96, 128, 150)),
            road=(112, 112, 112),
            track=(128, 148, 162),
            water=(74, 66, 48),
            forest_share=0.42,
            tree_spacing_m=5.6,
            tree_height_m=8.5,
            conifer_share=0.35,
            lone_trees=0.02,
            field_share=0.25,
            bare_share=0.05,
            water_share=0.03,
            buildings=46,
            relief_m=80.0,
            autumn_share=0.06,
        ),
        Family(
            name="arid",
            grass=((116, 148, 166), (104, 140, 164), (122, 150, 160), (96, 132, 150)),
            soil=((92, 134, 178), (84, 120, 174), (116, 152, 184), (72, 108, 170)),
            crowns=((58, 84, 80), (64, 92, 92), (72, 98, 100), (50, 74, 66)),
            roofs=((176, 178, 178), (132, 140, 146), (88, 104, 156), (204, 206, 204)),
            crops=((84, 132, 112), (96, 140, 150)),
            road=(124, 124, 122),
            track=(132, 164, 194),
            water=(110, 104, 84),
            forest_share=0.10,
            tree_spacing_m=6.5,
            tree_height_m=3.0,
            conifer_share=0.1,
            lone_trees=0.16,
            field_share=0.05,
            bare_share=0.35,
            water_share=0.01,
            buildings=16,
            relief_m=100.0,
        ),
        Family(
            name="farmland",
            grass=((66, 126, 106), (74, 138, 126), (64, 112, 92)),
            soil=((84, 112, 138), (72, 98, 122), (98, 128, 154)),
            crowns=((40, 70, 54), (46, 82, 66), (38, 62, 44), (42, 80, 84)),
            roofs=((54, 66, 152), (118, 116, 114), (90, 92, 96), (64, 84, 136), (150, 150, 150)),
            crops=(
                (78, 152, 138),
                (72, 128, 96),
                (110, 184, 200),
                (92, 126, 148),
                (66, 168, 178),
                (120, 160, 176),
                (76, 104, 126),
            ),
            road=(108, 110, 110),
            track=(134, 158, 172),
            water=(82, 76, 58),
            forest_share=0.14,
            tree_spacing_m=5.2,
            tree_height_m=8.0,
            conifer_share=0.1,
            lone_trees=0.02,
            field_share=0.85,
            bare_share=0.04,
            water_share=0.02,
            buildings=60,
            relief_m=40.0,
            autumn_share=0.10,
        ),
        Family(
            name="winter",
            grass=((124, 140, 148), (112, 128, 138), (136, 148, 152), (104, 126, 126)),
            soil=((88, 100, 114), (102, 114, 126)),
            crowns=((86, 96, 106), (96, 106, 118), (44, 58, 44), (40, 52, 42), (78, 88, 98)),
            roofs=((216, 214, 210), (96, 96, 100), (72, 78, 132), (206, 204, 202)),
            crops=((126, 142, 150), (98, 126, 116), (104, 116, 130)),
            road=(92, 92, 94),
            track=(140, 150, 158),
            water=(96, 88, 78),
            forest_share=0.40,
            tree_spacing_m=5.4,
            tree_height_m=8.0,
            conifer_share=0.5,
            lone_trees=0.02,
            field_share=0.3,
            bare_share=0.06,
            water_share=0.03,
            buildings=36,
            relief_m=90.0,
            snow_share=0.55,
        ),
        Family(
            name="eucalypt",
            grass=((104, 148, 164), (96, 138, 150), (112, 156, 176), (88, 128, 132)),
            soil=((98, 128, 164), (88, 112, 148), (110, 140, 170)),
            crowns=((52, 84, 72), (56, 92, 82), (46, 76, 64), (66, 98, 90), (54, 90, 76)),
            roofs=((148, 150, 150), (62, 66, 138), (120, 124, 122), (110, 122, 116), (70, 84, 150)),
            crops=((100, 160, 176), (88, 138, 132), (110, 150, 166)),
            road=(120, 122, 124),
            track=(112, 142, 182),
            water=(92, 98, 92),
            forest_share=0.34,
            tree_spacing_m=7.2,
            tree_height_m=9.0,
            conifer_share=0.0,
            lone_trees=0.07,
            field_share=0.20,
            bare_share=0.06,
            water_share=0.015,
            buildings=22,
            relief_m=80.0,
        ),
    )
}

FAMILIES = tuple(_FAMILIES)
DEMO_FAMILY = "eucalypt"
TRAINING_FAMILIES = tuple(name for name in FAMILIES if name != DEMO_FAMILY)


class WorldError(EmberwatchError):
    """The virtual world cannot be made as asked."""


def family_named(name: str) -> Family:
    """The family of that name; ``WorldError`` names the ones there are."""
    if name not in _FAMILIES:
        raise WorldError(
            f"no family of country is called {name!r}.", hint=f"Use one of {', '.join(FAMILIES)}."
        )
    return _FAMILIES[name]
