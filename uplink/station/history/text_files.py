"""Files for other programs: lists as CSV that a spreadsheet opens without obeying it, and GeoJSON that comes
in pieces."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

CSV_TYPE, GEOJSON_TYPE = "text/csv; charset=utf-8", "application/geo+json"
# What the description of the interface says is in a file; XML has no schema there.
DESCRIBED: dict[str, dict[str, Any]] = {
    CSV_TYPE: {"schema": {"type": "string"}},
    GEOJSON_TYPE: {
        "schema": {
            "type": "object",
            "required": ["type", "features"],
            "properties": {
                "type": {"const": "FeatureCollection"},
                "features": {"type": "array", "items": {"type": "object"}},
            },
        }
    },
}
# What a spreadsheet would take for a formula. Numbers are written by us and need no guard.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
UNITS = {
    "datum": "WGS84",
    "height_datum": "EGM96, above mean sea level, where a name ends in amsl_m",
    "units": "in the names: _deg degrees, _m metres, _m_s metres a second, _s seconds, _m2 square metres; "
    "times are UTC",
}


def csv_lines(rows: Iterable[Mapping[str, Any]], columns: Iterable[str], *, head: bool) -> str:
    """Lines by RFC 4180."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    names = list(columns)
    if head:
        writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in names])
    return out.getvalue()


async def feature_collection(
    features: AsyncIterator[list[dict[str, Any]]], about: dict[str, Any]
) -> AsyncIterator[str]:
    """A GeoJSON document, a page of features at a time; ``about`` stands before them."""
    head = json.dumps({"type": "FeatureCollection", **UNITS, **about}, ensure_ascii=False)
    yield head[:-1] + ', "features": [\n'
    first = True
    async for page in features:
        text = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in page)
        if text:
            yield text if first else ",\n" + text
            first = False
    yield "\n]}\n"


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return "" if value is None else value
