"""Files of a line in which Linux tells of a machine, below ``/proc`` and ``/sys``."""

from __future__ import annotations

from pathlib import Path


def text_of(file: Path) -> str:
    """Without the white space around it; empty where it cannot be read."""
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def number_of(file: Path, *, base: int = 10) -> int | None:
    """The whole number that it holds."""
    try:
        return int(text_of(file), base)
    except ValueError:
        return None
