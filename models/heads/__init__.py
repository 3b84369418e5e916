"""Heads: what turns a network's raw outputs into boxes, one file for each family.

:func:`recognise` tells the family from shapes and metadata, :meth:`Head.check` looks at a first run,
:meth:`Head.decode` gives the boxes of every other.
"""

from __future__ import annotations

from models.heads.anchor_free import STRIDES, cells
from models.heads.boxes import MAX_BOXES, NMS_IOU
from models.heads.head import Head, Outputs, Pixels, Port, RawBoxes
from models.heads.recognise import recognise

__all__ = [
    "MAX_BOXES",
    "NMS_IOU",
    "STRIDES",
    "Head",
    "Outputs",
    "Pixels",
    "Port",
    "RawBoxes",
    "cells",
    "recognise",
]
