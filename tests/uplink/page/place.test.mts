import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { NOTATIONS, parsed, written } from "../../../uplink/station/ui/src/map/coordinates.ts";
import { fromGcj02, inChina, toGcj02 } from "../../../uplink/station/ui/src/map/gcj02.ts";
import { area_m2, leg } from "../../../uplink/station/ui/src/map/geodesic.ts";
import { fromUtm, toUtm } from "../../../uplink/station/ui/src/map/utm.ts";

// Reckoned by uplink/gcj02.py and pyproj: tests/uplink/test_ui_places.py writes the file.
const FILE = process.env["EMBERWATCH_PLACES"];
const TRUTH = JSON.parse(FILE ? readFileSync(FILE, "utf8") : "null") as {
  gcj02: { wgs84: [number, number]; gcj02: [number, number] }[];
  utm: { place: [number, number]; zone: number; band: string; east_m: number; north_m: number }[];
  legs: { from: [number, number]; to: [number, number]; distance_m: number; bearing_deg: number }[];
  areas: { ring: [number, number][]; area_m2: number }[];
} | null;

function close(actual: number, wanted: number, tolerance: number): void {
  assert.ok(Math.abs(actual - wanted) <= tolerance, `${actual} is not ${wanted} ± ${tolerance}`);
}

test("what the page reckons of places is what the station's libraries reckon", { skip: TRUTH === null }, () => {
  for (const { wgs84, gcj02 } of TRUTH?.gcj02 ?? []) {
    const place = { lat_deg: wgs84[0], lon_deg: wgs84[1] };
    const shifted = toGcj02(place);
    close(shifted.lat_deg, gcj02[0], 1e-9);
    close(shifted.lon_deg, gcj02[1], 1e-9);
    const back = fromGcj02(shifted);
    if (inChina(place) && inChina(shifted)) {
      close(back.lat_deg, wgs84[0], 1e-9);
      close(back.lon_deg, wgs84[1], 1e-9);
    }
  }
  for (const { place, zone, band, east_m, north_m } of TRUTH?.utm ?? []) {
    const utm = toUtm({ lat_deg: place[0], lon_deg: place[1] });
    assert.ok(utm);
    assert.deepEqual([utm.zone, utm.band], [zone, band]);
    close(utm.east_m, east_m, 0.001);
    close(utm.north_m, north_m, 0.001);
    const back = fromUtm(utm);
    close(back.lat_deg, place[0], 1e-8);
    close(((back.lon_deg - place[1] + 540) % 360) - 180, 0, 1e-8);
  }
  for (const { from, to, distance_m, bearing_deg } of TRUTH?.legs ?? []) {
    const found = leg([from[1], from[0]], [to[1], to[0]]);
    close(found?.distance_m ?? NaN, distance_m, 0.001);
    close((((found?.bearing_deg ?? NaN) - bearing_deg + 540) % 360) - 180, 0, 1e-6);
  }
  // Sides are straight on the map, and geodesics to pyproj: near the poles these bulge a little.
  for (const { ring, area_m2: wanted } of TRUTH?.areas ?? []) close(area_m2(ring) / wanted, 1, 1e-3);
});

test("a place is written in each notation as it is read out over the radio", () => {
  const place = { lat_deg: 39.90872, lon_deg: 116.39747 }; // Tiananmen
  assert.equal(written(place, "wgs84"), "39.90872, 116.39747");
  assert.equal(written(place, "dms"), "39°54′31.4″N 116°23′50.9″E");
  assert.equal(written(place, "mgrs"), "50S MK 48499 17799");
  assert.equal(written(place, "utm"), "50S 448500 4417800");
  assert.match(written(place, "gcj02") ?? "", /^39\.910\d\d, 116\.403\d\d$/);
  assert.equal(written({ lat_deg: -35.36326, lon_deg: 149.16524 }, "gcj02"), null);
  assert.equal(written({ lat_deg: 88, lon_deg: 0 }, "mgrs"), null);
  assert.equal(written({ lat_deg: 88, lon_deg: 0 }, "utm"), null);
});

test("what was written in any notation is read back", () => {
  for (const place of [
    { lat_deg: -35.36326, lon_deg: 149.16524 },
    { lat_deg: 39.90872, lon_deg: 116.39747 },
    { lat_deg: 0.5, lon_deg: -78.5 },
  ]) {
    for (const notation of NOTATIONS) {
      const text = written(place, notation);
      if (text === null) continue;
      const back = parsed(text, notation === "gcj02");
      assert.ok(back, text);
      close(back.lat_deg, place.lat_deg, 2e-5);
      close(back.lon_deg, place.lon_deg, 2e-5);
    }
  }
});

test("typed places are read as people type them, and what is none is none", () => {
  const home = [-35.363262, 149.165237];
  for (const text of [
    "-35.363262 149.165237",
    "-35.363262,149.165237",
    "-35.363262， 149.165237",
    "35.363262 S, 149.165237 E",
    "149.165237E 35.363262S",
    "35° 21' 47.743\" S 149° 9' 54.853\" E",
    "35 21 47.743 S, 149 9 54.853 E",
    "S35.363262 E149.165237",
    "−35.363262° 149.165237°",
    "-35,363262 149,165237",
    "-35.363262;149.165237",
    "-35.363262\t149.165237",
  ]) {
    const place = parsed(text);
    assert.ok(place, text);
    close(place.lat_deg, home[0] as number, 1e-6);
    close(place.lon_deg, home[1] as number, 1e-6);
  }
  for (const text of ["", "here", "12", "91, 0", "0, 181", "1, 2, 3", "10 61 0 N, 1 E", "50S MK 484", "99S MK 48492 17710", "45 N 46 N"]) {
    assert.equal(parsed(text), null, text);
  }
});
