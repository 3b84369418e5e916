"""The list of incidents as files that GIS programs and spreadsheets read."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyogrio
import pytest
import shapely

from uplink.station.routes import incident_files

from .incident_makers import seen
from .incident_station import incident_station


@pytest.mark.parametrize("page", [1, 200])
async def test_all_incidents_come_whatever_a_page_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(incident_files, "PAGE", page)
    async with incident_station(tmp_path) as station:
        await station.put(
            *(seen(2000.0 * number, 0.0, number=number + 1, minutes=-number) for number in range(3)),
            seen(0.0, 9000.0, number=9, minutes=-9, bearing_deg=20.0, label="smoke"),
        )
        known = await station.all()
        answer = await station.http.get("/incidents/export", params={"format": "geojson"})
        path = tmp_path / "incidents.geojson"
        path.write_bytes(answer.content)
        meta, _, geometry, fields = pyogrio.raw.read(path)
        table = dict(zip(meta["fields"], fields, strict=True))
        assert list(table["label"]) == [incident["label"] for incident in known]
        places = [shapely.from_wkb(one) if one is not None else None for one in geometry]
        assert [None if place is None else round(place.y, 6) for place in places] == [
            None if one["position"] is None else round(one["position"]["lat_deg"], 6) for one in known
        ]
        answer = await station.http.get("/incidents/export", params={"format": "csv"})
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["id"] for row in rows] == [incident["id"] for incident in known]
        assert {row["datum"] for row in rows} == {"WGS84"}
        only = await station.http.get("/incidents/export", params={"format": "csv", "state": "resolved"})
        assert only.text == "id,lat_deg,lon_deg,datum\r\n"
        assert answer.headers["content-disposition"].endswith('Z.csv"')
        assert "incidents.exported" in [one.what for one in await station.services.store.audit.newest(9)]
