"""Local metres agree with pyproj's exact topocentric transformation."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest

from flight.local_frame import LocalFrame


@pytest.mark.parametrize(
    ("lat_deg", "lon_deg", "alt_m"),
    [(-35.363262, 149.165237, 600.0), (0.0, 0.0, 0.0), (68.0, 179.99, 1500.0), (46.0, 7.5, 3000.0)],
)
def test_agrees_with_pyproj_to_centimetres_within_five_kilometres(
    lat_deg: float, lon_deg: float, alt_m: float
) -> None:
    exact = pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=cart +ellps=WGS84 "
        f"+step +proj=topocentric +ellps=WGS84 +lat_0={lat_deg} +lon_0={lon_deg} +h_0={alt_m}"
    )
    rng = np.random.default_rng(1)
    east_m, north_m = rng.uniform(-3500, 3500, (2, 400))
    up_m = rng.uniform(-800, 300, 400)
    frame = LocalFrame(lat_deg, lon_deg, alt_m)

    lat, lon, alt = frame.to_geodetic(east_m, north_m, up_m)
    there = exact.transform(lon, lat, alt)
    np.testing.assert_allclose(there, [east_m, north_m, up_m], atol=0.05)

    back = frame.from_geodetic(lat, lon, alt)
    np.testing.assert_allclose(back, [east_m, north_m, up_m], atol=0.05)
