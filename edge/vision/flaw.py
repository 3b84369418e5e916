"""What can be wrong with a frame. Apart from the judge, so that whoever only reads of it loads no OpenCV."""

from __future__ import annotations

from enum import StrEnum


class Flaw(StrEnum):
    """Its text is what a person reads."""

    NONE = ""
    BLACK = "the picture is black: covered lens?"
    BURNT_OUT = "the picture is burnt out: sun in the lens, or exposure?"
    BLURRED = "the picture is blurred: focus, or dirt on the lens?"
    NO_TEMPERATURES = "the thermal frames hold no temperatures: is TLinear on, and kelvin_per_count right?"
