"""GDAL, which QGIS reads such feeds with, opens ours as a layer.

In a process of its own: it does not let go of Python while it waits for an answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx

from tests.uplink.makers import as_json, auth, make_alert

READ = """
import json, sys
import pyogrio.raw
url = sys.argv[1]
about, _, shapes, columns = pyogrio.raw.read(url, layer="alerts", datetime_as_string=True, PAGE_SIZE="3")
inside, outside = (
    len(pyogrio.raw.read(url, layer="alerts", bbox=box)[2])
    for box in ((149.0, -36.0, 150.0, -35.0), (150.0, -36.0, 151.0, -35.0))
)
print(json.dumps({
    "layers": [name for name, _ in pyogrio.list_layers(url)],
    "crs": about["crs"],
    "geometry": about["geometry_type"],
    "table": {name: column.tolist() for name, column in zip(about["fields"], columns)},
    "shapes": len(shapes),
    "inside": inside,
    "outside": outside,
}))
"""


async def test_gdal_opens_the_feed_reads_all_its_pages_and_asks_for_a_box(
    served: httpx.AsyncClient,
) -> None:
    alerts = [make_alert(minutes=float(number)) for number in range(7)]
    for alert in alerts:
        answer = await served.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
        assert answer.status_code == 200
    url = f"OAPIF:http://127.0.0.1:{served.base_url.port}/ogc"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", READ, url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    read: dict[str, Any] = json.loads(out)

    assert {"alerts", "drones"} <= set(read["layers"])
    assert read["crs"] in ("OGC:CRS84", "EPSG:4326")
    assert read["geometry"] == "Point"
    assert set(read["table"]["id"]) == {str(alert.id) for alert in alerts}
    assert set(read["table"]["semi_major_m"]) == {12.0}
    assert (read["shapes"], read["inside"], read["outside"]) == (7, 7, 0)
