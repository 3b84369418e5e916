"""A flight as a file: GeoJSON, CSV, KML and GPX, written as it is read, a page at a time.

Positions are WGS 84, heights above mean sea level (EGM96), as KML and GPX have them too; in GeoJSON they are
properties, for there a third coordinate is above the ellipsoid. Times are the flight's own: by the station's
clock, without the leaps that clocks made meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from xml.sax.saxutils import escape

from uplink.station.feeds.features import alert_feature
from uplink.station.feeds.xml_text import xml_text
from uplink.station.history.flight_answers import FlightPoint, FlightRecord, RaisedAlert
from uplink.station.history.flight_cutting import GAP_S
from uplink.station.history.text_files import CSV_TYPE, GEOJSON_TYPE, csv_lines, feature_collection

Pages = Callable[[], AsyncIterator[list[FlightPoint]]]
_PROPERTIES = (
    "alt_amsl_m",
    "height_agl_m",
    "height_home_m",
    "heading_deg",
    "ground_speed_m_s",
    "battery_percent",
    "mode",
    "armed",
    "control",
    "seeing",
    "blind_reason",
    "patrol",
)
_DEGRADED = "degraded"
COLUMNS = (
    "at",
    "after_s",
    "drone_id",
    "lat_deg",
    "lon_deg",
    "datum",
    *_PROPERTIES,
    _DEGRADED,
    "drone_clock_at",
    "heard_at",
)


@dataclass(frozen=True, slots=True)
class FileKind:
    """What is told of a file beside its bytes."""

    media_type: str


FILES = {
    "geojson": FileKind(GEOJSON_TYPE),
    "csv": FileKind(CSV_TYPE),
    "kml": FileKind("application/vnd.google-earth.kml+xml"),
    "gpx": FileKind("application/gpx+xml"),
}


def flight_file(
    kind: str, record: FlightRecord, raised: Sequence[RaisedAlert], pages: Pages
) -> AsyncIterator[str]:
    """The file in pieces; ``kind`` is one of ``FILES``, ``pages`` gives its points anew each time."""
    if kind == "csv":
        return _csv(record, pages)
    if kind == "kml":
        return _kml(record, raised, pages)
    return _gpx(record, raised, pages) if kind == "gpx" else _geojson(record, raised, pages)


def row_of(record: FlightRecord, point: FlightPoint) -> dict[str, Any]:
    """One point with everything that is known of it, by ``COLUMNS``."""
    return {
        "at": _time(record, point),
        "after_s": round(point.after_s, 3),
        "drone_id": point.drone_id,
        "lat_deg": point.lat_deg,
        "lon_deg": point.lon_deg,
        "datum": "WGS84",
        **{name: _plain(getattr(point, name)) for name in _PROPERTIES},
        _DEGRADED: ", ".join(reason.kind.value for reason in point.degraded),
        "drone_clock_at": point.at.isoformat(),
        "heard_at": point.heard_at.isoformat(),
    }


async def _csv(record: FlightRecord, pages: Pages) -> AsyncIterator[str]:
    yield csv_lines([], COLUMNS, head=True)
    async for page in pages():
        yield csv_lines((row_of(record, point) for point in page), COLUMNS, head=False)


async def _geojson(record: FlightRecord, raised: Sequence[RaisedAlert], pages: Pages) -> AsyncIterator[str]:
    about = {"flight": record.model_dump(mode="json")}
    async for piece in feature_collection(_features(record, raised, pages), about):
        yield piece


async def _features(
    record: FlightRecord, raised: Sequence[RaisedAlert], pages: Pages
) -> AsyncIterator[list[dict[str, Any]]]:
    yield [alert_feature(one.alert).model_dump(mode="json") for one in raised]
    number = 0
    async for part in _unbroken(pages):
        number += 1
        line = [[point.lon_deg, point.lat_deg] for point in part]
        if len(line) > 1:
            geometry = {"type": "LineString", "coordinates": line}
            what = {
                "what": "track",
                "part": number,
                "from": _time(record, part[0]),
                "to": _time(record, part[-1]),
            }
            yield [{"type": "Feature", "geometry": geometry, "properties": what}]
    async for page in pages():
        yield [_point_feature(record, point) for point in page]


def _point_feature(record: FlightRecord, point: FlightPoint) -> dict[str, Any]:
    row = row_of(record, point)
    lon_deg, lat_deg = row.pop("lon_deg"), row.pop("lat_deg")
    geometry = None if lat_deg is None else {"type": "Point", "coordinates": [lon_deg, lat_deg]}
    return {"type": "Feature", "geometry": geometry, "properties": {"what": "state", **row}}


async def _unbroken(pages: Pages) -> AsyncIterator[list[FlightPoint]]:
    """The points that have a position, in parts without a gap. A part ends with a page at the latest, and the
    next one begins where it ended."""
    before: FlightPoint | None = None
    async for page in pages():
        part = [] if before is None else [before]
        for point in page:
            if point.lat_deg is None:
                continue
            if part and point.after_s - part[-1].after_s > GAP_S:
                yield part
                part = []
            part.append(point)
        if part:
            yield part
            before = part[-1]


async def _kml(record: FlightRecord, raised: Sequence[RaisedAlert], pages: Pages) -> AsyncIterator[str]:
    has_heights = record.highest_amsl_m is not None
    mode = "absolute" if has_heights else "clampToGround"
    title = _xml(f"{record.drone_id} {record.started_at:%Y-%m-%d %H:%M:%S} UTC")
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2">\n'
        f"<Document><name>{title}</name>\n"
        "<description>WGS 84; heights in metres above mean sea level (EGM96); times UTC</description>\n"
    )
    for one in raised:
        yield _kml_alert(one)
    yield f"<Placemark><name>{title}</name>\n<gx:MultiTrack><altitudeMode>{mode}</altitudeMode>"
    yield "<gx:interpolate>0</gx:interpolate>\n"
    async for part in _unbroken(pages):
        flown = [point for point in part if not has_heights or point.alt_amsl_m is not None]
        if len(flown) < 2:
            continue
        whens = "".join(f"<when>{_time(record, point)}</when>\n" for point in flown)
        places = "".join(
            f"<gx:coord>{point.lon_deg:.7f} {point.lat_deg:.7f} {point.alt_amsl_m or 0.0:.2f}</gx:coord>\n"
            for point in flown
        )
        yield f"<gx:Track><altitudeMode>{mode}</altitudeMode>\n{whens}{places}</gx:Track>\n"
    yield "</gx:MultiTrack></Placemark>\n</Document></kml>\n"


def _kml_alert(one: RaisedAlert) -> str:
    alert = one.alert
    if alert.position is None:
        return ""
    when = alert.confirmed_at.isoformat()
    words = _xml(f"{alert.label} {alert.probability:.0%}, {alert.state.value}, {alert.id}")
    return (
        f"<Placemark><name>{_xml(alert.label)}</name><description>{words}</description>"
        f"<TimeStamp><when>{when}</when></TimeStamp>"
        f"<Point><coordinates>{alert.position.lon_deg:.7f},{alert.position.lat_deg:.7f}</coordinates></Point>"
        "</Placemark>\n"
    )


async def _gpx(record: FlightRecord, raised: Sequence[RaisedAlert], pages: Pages) -> AsyncIterator[str]:
    title = _xml(f"{record.drone_id} {record.started_at:%Y-%m-%d %H:%M:%S} UTC")
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<gpx version="1.1" creator="Emberwatch" xmlns="http://www.topografix.com/GPX/1/1">\n'
        f"<metadata><name>{title}</name><desc>WGS 84; heights above the sea (EGM96)</desc></metadata>\n"
    )
    for one in raised:
        yield _wpt(one)
    yield f"<trk><name>{title}</name>\n"
    async for part in _unbroken(pages):
        yield "<trkseg>\n" + "".join(_trkpts(record, part)) + "</trkseg>\n"
    yield "</trk>\n</gpx>\n"


def _wpt(one: RaisedAlert) -> str:
    alert = one.alert
    if alert.position is None:
        return ""
    name = _xml(f"{alert.label} {alert.probability:.0%}")
    return (
        f'<wpt lat="{alert.position.lat_deg:.7f}" lon="{alert.position.lon_deg:.7f}">'
        f"<time>{alert.confirmed_at.isoformat()}</time><name>{name}</name><desc>{alert.id}</desc></wpt>\n"
    )


def _trkpts(record: FlightRecord, part: Sequence[FlightPoint]) -> Iterator[str]:
    for point in part:
        height = "" if point.alt_amsl_m is None else f"<ele>{point.alt_amsl_m:.2f}</ele>"
        when = f"<time>{_time(record, point)}</time>"
        yield f'<trkpt lat="{point.lat_deg:.7f}" lon="{point.lon_deg:.7f}">{height}{when}</trkpt>\n'


def _time(record: FlightRecord, point: FlightPoint) -> str:
    return (record.started_at + timedelta(seconds=round(point.after_s, 3))).isoformat()


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)


def _xml(text: str) -> str:
    return escape(xml_text(text))
