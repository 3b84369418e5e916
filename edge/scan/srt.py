"""DJI's subtitle files: a line of flight data every second, or for every frame of the video beside it.

There is no specification and there are many dialects; what is read is what samples of many aircraft agree on.
``GPS(longitude, latitude, satellites)``, but latitude first where the third figure has an M (Matrice 300).
``G.PRY`` and ``gb_…`` are the gimbal's pitch, roll and yaw in north, east, down; most aircraft write neither.
``H``, ``BAROMETER``, ``Hb`` and ``rel_alt`` count from the take-off. What a lone ``altitude`` counts from
nobody says, so it is not used. ``focal_len`` is in terms of a 35 mm camera, 240 for 24.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge.files import shown
from edge.scan.lens import LONGEST_35MM, MOST_ZOOM, SHORTEST_35MM
from edge.scan.makers import LARGEST_NUMBER

LARGEST_FILE_BYTES = 100_000_000  # five hours at 60 entries a second
MOST_ENTRIES = 2_000_000

_TIME = re.compile(r"(\d{1,2}):(\d\d):(\d\d)[,.](\d{3})\s*-->")
_NUMBER = r"([-+]?\d+(?:\.\d+)?)"
_LATITUDE = re.compile(rf"\blatitude\s*:\s*{_NUMBER}", re.IGNORECASE)
_LONGITUDE = re.compile(rf"\blongt?itude\s*:\s*{_NUMBER}", re.IGNORECASE)
_GPS = re.compile(rf"\bGPS\s*\(\s*{_NUMBER}\s*,\s*{_NUMBER}\s*(?:,\s*{_NUMBER}\s*(M?)\s*)?\)", re.IGNORECASE)
_HOME = re.compile(rf"\bHOME\s*\(\s*{_NUMBER}\s*,\s*{_NUMBER}", re.IGNORECASE)
_ABOVE = re.compile(rf"(?:\brel_alt\s*:\s*|\bBAROMETER\s*:\s*|\bHb\s*:\s*|\bH\s+){_NUMBER}")
_ABSOLUTE = re.compile(rf"\babs_alt\s*:\s*{_NUMBER}")
_GIMBAL_PRY = re.compile(
    rf"\bG\.PRY\s*\(\s*{_NUMBER}[^,\d]*,\s*{_NUMBER}[^,\d]*,\s*{_NUMBER}[^)\d]*\)", re.IGNORECASE
)
_GIMBAL = {name: re.compile(rf"\bgb_{name}\s*:\s*{_NUMBER}") for name in ("yaw", "pitch", "roll")}
_FOCAL = re.compile(rf"\bfocal_len\s*:\s*{_NUMBER}")
_ZOOM = re.compile(rf"\b(?:dzoom_ratio\s*:|DZOOM)\s*{_NUMBER}", re.IGNORECASE)


class BadSrtError(ValueError):
    """A subtitle file that says nothing of a flight; the message says why, and names the file."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one subtitle says. ``step_deg`` is the last digit of its latitude and longitude."""

    time_s: float
    lat_deg: float
    lon_deg: float
    step_deg: float
    above_takeoff_m: float | None
    absolute_m: float | None
    home: tuple[float, float] | None
    gimbal_ypr_deg: tuple[float, float, float] | None
    focal_35mm: float | None
    zoom: float


@dataclass(frozen=True, slots=True)
class Subtitles:
    """The entries with a position, in order of time. ``note`` says in one line what else was wrong."""

    name: str
    entries: tuple[Entry, ...] = field(repr=False)
    note: str = ""

    @property
    def spacing_s(self) -> float:
        """Between entries, on average."""
        first, last = self.entries[0].time_s, self.entries[-1].time_s
        return (last - first) / (len(self.entries) - 1) if len(self.entries) > 1 else 1.0


def subtitles_beside(video: Path) -> Path | None:
    """The subtitle file of a video: the same name with ``.srt`` in any case, or None."""
    try:
        beside = [path for path in video.parent.iterdir() if path.suffix.lower() == ".srt"]
    except OSError:
        return None
    return next((path for path in sorted(beside) if path.stem == video.stem), None)


def read_subtitles(path: Path) -> Subtitles:
    """Raises BadSrtError with one plain line when there is no position in the file."""
    name = shown(path.name)
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise BadSrtError(f"{name} is too large for a subtitle file")
        text = path.read_bytes().decode("utf-8-sig", "replace")
    except OSError as error:
        raise BadSrtError(f"{name} cannot be read ({(error.strerror or str(error)).lower()})") from error
    if not text.strip():
        raise BadSrtError(f"{name} is empty")
    entries: list[Entry] = []
    count = cut = 0
    for time_s, body in _bodies(text):
        count += 1
        if count > MOST_ENTRIES:
            raise BadSrtError(f"{name} has too many entries")
        entry = _entry(time_s, body)
        if entry is None:
            cut += 1
        elif not entries or time_s > entries[-1].time_s:
            entries.append(entry)
    if not count:
        raise BadSrtError(f"{name} is not a subtitle file")
    if not entries:
        raise BadSrtError(f"{name} holds no position in any of its {count} entries")
    are = ("has", "is") if cut == 1 else ("have", "are")
    note = f"{name}: {cut} of {count} entries {are[0]} no position and {are[1]} left out" if cut else ""
    return Subtitles(name, tuple(entries), note)


def _bodies(text: str) -> Iterator[tuple[float, str]]:
    starts = list(_TIME.finditer(text))
    for i, start in enumerate(starts):
        end = starts[i + 1].start() if i + 1 < len(starts) else len(text)
        hours, minutes, seconds, thousandths = (int(part) for part in start.groups())
        yield hours * 3600 + minutes * 60 + seconds + thousandths / 1000, text[start.end() : end]


def _entry(time_s: float, body: str) -> Entry | None:
    place = _place(body)
    if place is None:
        return None
    lat, lon = place
    lat_deg, lon_deg = float(lat), float(lon)
    if not (abs(lat_deg) <= 90.0 and abs(lon_deg) <= 180.0) or (lat_deg == 0.0 and lon_deg == 0.0):
        return None  # both 0: no fix
    home = _HOME.search(body)
    focal = _FOCAL.search(body)
    focal_35mm = None if focal is None else _scaled(focal[1], 10.0)
    if focal_35mm is not None and not SHORTEST_35MM <= focal_35mm <= LONGEST_35MM:
        focal_35mm = None
    return Entry(
        time_s=time_s,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        step_deg=10.0 ** -min(_decimals(lat), _decimals(lon)),
        above_takeoff_m=_value(_ABOVE, body),
        absolute_m=_value(_ABSOLUTE, body),
        home=None if home is None else (float(home[2]), float(home[1])),
        gimbal_ypr_deg=_gimbal(body),
        focal_35mm=focal_35mm,
        zoom=_zoom(body),
    )


def _place(body: str) -> tuple[str, str] | None:
    """Latitude and longitude as written: how many digits there are matters."""
    lat, lon = _LATITUDE.search(body), _LONGITUDE.search(body)
    if lat is not None and lon is not None:
        return lat[1], lon[1]
    gps = _GPS.search(body)
    if gps is None:
        return None
    return (gps[1], gps[2]) if gps[4] else (gps[2], gps[1])


def _gimbal(body: str) -> tuple[float, float, float] | None:
    pry = _GIMBAL_PRY.search(body)
    if pry is not None:
        return float(pry[3]), float(pry[1]), float(pry[2])
    found = {name: _value(pattern, body) for name, pattern in _GIMBAL.items()}
    yaw_deg, pitch_deg = found["yaw"], found["pitch"]
    return None if yaw_deg is None or pitch_deg is None else (yaw_deg, pitch_deg, found["roll"] or 0.0)


def _zoom(body: str) -> float:
    zoom = _ZOOM.search(body)
    return 1.0 if zoom is None else min(max(1.0, _scaled(zoom[1], 10_000.0)), MOST_ZOOM)


def _scaled(text: str, whole: float) -> float:
    """With a point it is the value; without, ``whole`` times it."""
    return float(text) if "." in text else float(text) / whole


def _value(pattern: re.Pattern[str], body: str) -> float | None:
    found = pattern.search(body)
    value = None if found is None else float(found[1])
    return value if value is not None and abs(value) <= LARGEST_NUMBER else None


def _decimals(text: str) -> int:
    return min(len(text.partition(".")[2]), 9)
