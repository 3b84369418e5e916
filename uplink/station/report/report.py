"""A report about one incident: one HTML file that needs nothing beside itself, made to be printed on A4.

Whatever people, drones and models are called is text in it and never markup: the template engine escapes all
of it, and the policy that the file carries allows no script at all and one style sheet, known by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup
from PIL import Image

from uplink.gcj02 import in_china, to_gcj02
from uplink.messages import Position
from uplink.station.grid import Utm, utm_of
from uplink.station.report.facts import Facts, Picture
from uplink.station.report.map_drawing import draw
from uplink.station.report.words import WORDS, Language, what_in_words
from uplink.station.store.media import MediaRow, MediaState

MOST_PHOTOS = 24
MOST_ALERTS = 30
WIDEST_PX = 1400
JPEG_QUALITY = 82
MEDIA_TYPE = "text/html; charset=utf-8"
_HERE = Path(__file__).parent
_CSS = (_HERE / "report.css").read_text(encoding="utf-8")
_DIGEST = base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()
# In the file itself; the station's answer says more, which a file cannot.
FILE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; img-src data:; base-uri 'none'; form-action 'none'"
)
POLICY = f"{FILE_POLICY}; frame-ancestors 'none'; sandbox allow-popups allow-modals"


@dataclass(frozen=True, slots=True)
class Photo:
    """``data`` is a data URI, or else ``why`` names the word that says why there is none."""

    data: str = ""
    why: str = ""
    blurred: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A position in every way that somebody may ask for it."""

    decimal: str
    sexagesimal: str
    utm: Utm | None
    gcj02: str


def why_not_shown(row: MediaRow | None) -> str:
    """The word that says why a picture cannot be shown; empty where it can."""
    if row is None or row.state is MediaState.UNCHECKED:
        return "not_here"
    if row.state is MediaState.QUARANTINED:
        return "quarantined"
    return "" if row.state is MediaState.SHOWN else "gone"


LoadPhoto = Callable[[Picture], Photo]


def render(facts: Facts, load: LoadPhoto, *, language: Language, zone: ZoneInfo | None) -> Iterator[str]:
    """The file in pieces; ``load`` is asked for one picture after the other. ``zone`` is the time zone to
    tell times in; none is the station's own."""
    words = WORDS[language]

    def when(at: datetime) -> str:
        return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"

    offset = f"{facts.incident.confirmed_at.astimezone(zone):%z}"
    position = facts.incident.position
    return _template().generate(
        css=Markup(_CSS),  # noqa: S704 (it is ours)
        policy=FILE_POLICY,
        w=words,
        incident=facts.incident,
        alerts=facts.alerts[:MOST_ALERTS],
        more_alerts=max(0, facts.incident.alerts - MOST_ALERTS),
        timeline=facts.timeline,
        more_lines=facts.lines_in_all - len(facts.timeline),
        shown=facts.pictures[:MOST_PHOTOS],
        more_photos=max(0, len(facts.pictures) - MOST_PHOTOS),
        load=load,
        drawings=draw(facts),
        place=None if position is None else place_of(position),
        zone=zone_name(zone, facts.incident.confirmed_at),
        offset=f"UTC{offset[:3]}:{offset[3:5]}",
        made_at=facts.made_at,
        made_by=facts.made_by,
        station_key=facts.station_key,
        when=when,
        utc=lambda at: f"{at.astimezone(UTC):%H:%M:%S} UTC",
        percent=lambda share: f"{100 * share:.0f} %",
        number=number,
        px=lambda value: f"{value:.1f}",
        latlon=lambda at: f"{at.lat_deg:.6f}, {at.lon_deg:.6f}",
        what=lambda what: what_in_words(what, words),
    )


def photo_of(path: Path) -> Photo:
    """From the copy that people see, no larger than paper shows. Raises ``OSError``."""
    return Photo(_embedded(path))


def photo_from_blurred(jpeg: bytes) -> Photo:
    """From one that was made unrecognisable in parts."""
    return Photo(_embedded(io.BytesIO(jpeg)), blurred=True)


def _embedded(file: Path | io.BytesIO) -> str:
    with Image.open(file, formats=["JPEG"]) as image:
        picture = image.convert("RGB")
    picture.thumbnail((WIDEST_PX, WIDEST_PX))
    picture.info.clear()
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


def place_of(position: Position) -> Place:
    """As maps, radios and dispatchers want it."""
    lat, lon = position.lat_deg, position.lon_deg
    shifted = ""
    if in_china(lat, lon):
        gcj_lat, gcj_lon = to_gcj02(lat, lon)
        shifted = f"{gcj_lat:.6f}, {gcj_lon:.6f}"
    sexagesimal = f"{_sexagesimal(lat, 'NS')} {_sexagesimal(lon, 'EW')}"
    return Place(f"{lat:.6f}, {lon:.6f}", sexagesimal, utm_of(lat, lon), shifted)


def number(value: float) -> str:
    """As many digits as say something."""
    if abs(value) >= 9.95:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if abs(value) >= 0.995 else f"{value:.3g}"


def zone_name(zone: ZoneInfo | None, at: datetime) -> str:
    """What the zone is called."""
    return zone.key if zone is not None else (at.astimezone().tzname() or "local")


def _sexagesimal(degrees: float, letters: str) -> str:
    letter = letters[0 if degrees >= 0 else 1]
    tenths = round(abs(degrees) * 36_000)
    whole, rest = divmod(tenths, 36_000)
    minutes, seconds = divmod(rest, 600)
    return f"{whole}°{minutes:02d}′{seconds / 10:04.1f}″{letter}"


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("incident.html.j2")


def known_zone(name: str) -> ZoneInfo:
    """Raises ``ValueError`` for a zone that there is not."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}") from None
