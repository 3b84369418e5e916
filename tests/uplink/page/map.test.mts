import assert from "node:assert/strict";
import { test } from "node:test";
import { boundsOf, ellipseRing, offset, sightLine } from "../../../uplink/station/ui/src/geo.ts";
import { footprintFeatures } from "../../../uplink/station/ui/src/map/air_features.ts";
import { alertExtent, alertGeometry, crossingFeatures, worldExtent } from "../../../uplink/station/ui/src/map/features.ts";
import { graticule, niceStep } from "../../../uplink/station/ui/src/map/graticule.ts";
import { areaFeatures, drawn, incidentExtent, markOf, pointFeatures, selectedFeatures } from "../../../uplink/station/ui/src/map/incident_features.ts";
import type { Alert, LonLat, Position } from "../../../uplink/station/ui/src/messages.ts";
import { EMPTY_WORLD, type HeardDrone } from "../../../uplink/station/ui/src/state.ts";

import { acknowledged, alert, dispatched, incident, NOW, resolved, target } from "./queue_makers.mts";

const HOME: Position = { lat_deg: -35.363262, lon_deg: 149.165237, alt_amsl_m: null, datum: "WGS84" };
// Metres per degree at HOME, from pyproj's Geod("WGS84"): a degree of arc there is this long.
const M_PER_DEG = { lon: 90_883, lat: 110_947 };

function metresFromHome([lon, lat]: LonLat): [east: number, north: number] {
  return [(lon - HOME.lon_deg) * M_PER_DEG.lon, (lat - HOME.lat_deg) * M_PER_DEG.lat];
}

function close(actual: number, wanted: number, tolerance: number): void {
  assert.ok(Math.abs(actual - wanted) <= tolerance, `${actual} is not ${wanted} ± ${tolerance}`);
}

test("metres become degrees on the ellipsoid", () => {
  const [east, north] = metresFromHome(offset(HOME, 300, -400));
  close(east, 300, 0.3);
  close(north, -400, 0.4);
});

test("an ellipse is drawn true to scale, its major axis clockwise from north", () => {
  const ring = ellipseRing(HOME, { semi_major_m: 40, semi_minor_m: 10, orientation_deg: 60, confidence: 0.9 });
  assert.deepEqual(ring[0], ring.at(-1));
  const points = ring.map(metresFromHome);
  const far = points.reduce((a, b) => (Math.hypot(...a) > Math.hypot(...b) ? a : b));
  close(Math.hypot(...far), 40, 0.1);
  close(((Math.atan2(far[0], far[1]) * 180) / Math.PI + 360) % 180, 60, 0.5);
  close(Math.min(...points.map((point) => Math.hypot(...point))), 10, 0.1);
});

test("a line of sight leaves the observer along its bearing", () => {
  const [from, to] = sightLine(HOME, 90, 1000).map(metresFromHome);
  assert.deepEqual(from, [0, 0]);
  close(to?.[0] ?? 0, 1000, 1);
  close(to?.[1] ?? 1, 0, 0.01);
});

test("an alert with a position is an area, one without is a line, and what is not known is not drawn", () => {
  const ellipse = { semi_major_m: 12, semi_minor_m: 5, orientation_deg: 0, confidence: 0.9 };
  const base = { id: "a", label: "fire", state: "confirmed", position: HOME, ellipse, observer: null, bearing_deg: null };
  const placed = base as unknown as Alert;
  const seen = { ...placed, position: null, ellipse: null, observer: HOME, bearing_deg: 10 };
  const unknown = { ...placed, position: null, ellipse: null };
  assert.deepEqual([placed, seen, unknown].map((one) => alertGeometry(one)?.type), ["Polygon", "LineString", undefined]);
  assert.deepEqual(alertExtent(unknown), []);
  const world = { ...EMPTY_WORLD, incidents: { b: incident({ position: null, ellipse: null }) } };
  assert.equal(boundsOf(worldExtent(world)), null);
});

test("a crossing is drawn as an ellipse that selects one of its alerts", () => {
  const ellipse = { semi_major_m: 40, semi_minor_m: 10, orientation_deg: 0, confidence: 0.9 };
  const crossing = {
    alert_ids: ["a", "b"],
    label: "smoke" as const,
    position: HOME,
    ellipse,
    covariance_m2: [1, 0, 1] as [number, number, number],
    angle_deg: 60,
    ambiguous: true,
  };
  const [drawn] = crossingFeatures([crossing], "b").features;
  assert.deepEqual(drawn?.properties, { id: "a", label: "smoke", active: false, selected: true });
  assert.equal(drawn?.geometry.type, "Polygon");
});

test("a footprint is closed, and one that is no area is not drawn", () => {
  const heard = (footprint: LonLat[]): HeardDrone =>
    ({ heardAt: 0, state: { drone_id: "d", seeing: "seeing", footprint } }) as unknown as HeardDrone;
  const { features } = footprintFeatures([heard([[0, 0], [1, 0], [1, 1]]), heard([[0, 0], [1, 0]]), heard([])]);
  assert.equal(features.length, 1);
  assert.deepEqual(features[0]?.geometry, { type: "Polygon", coordinates: [[[0, 0], [1, 0], [1, 1], [0, 0]]] });
});

test("grid steps are 1, 2 or 5 times a power of ten", () => {
  assert.deepEqual([0.0007, 0.001, 0.0011, 0.3, 3, 12].map((least) => +niceStep(least).toPrecision(6)),
    [0.001, 0.001, 0.002, 0.5, 5, 20]);
});

test("the grid names its lines by side, with as many digits as the step has", () => {
  const near = graticule([149.16, -35.37, 149.17, -35.36], 1e-5);
  assert.deepEqual(near.lons.map((line) => line.text).slice(0, 2), ["149.160°E", "149.165°E"]);
  assert.ok(near.lats.every((line) => /^35\.3\d\d°S$/.test(line.text)));
  const world = graticule([-200, -80, 200, 80], 0.4);
  assert.deepEqual(world.lons.map((line) => line.text).slice(0, 2), ["180°W", "150°W"]);
  assert.ok(world.lats.some((line) => line.text === "0°"));
});

test("the grid has a bounded number of lines at every zoom", () => {
  for (const degPerPx of [0.4, 0.1, 1e-3, 1e-6]) {
    const reach = degPerPx * 2000;
    const grid = graticule([10 - reach, -reach, 10 + reach, reach], degPerPx);
    assert.ok(grid.minor.coordinates.length < 200, `${grid.minor.coordinates.length} lines`);
  }
});

test("an incident is one point and one ellipse however many alerts it has, and the selected one is never in a cluster", () => {
  const two = [incident({ alerts: 3, alert_ids: ["x", "y", "z"] }), incident({ id: "b", alert_ids: ["w"] })];
  const ids = (features: GeoJSON.FeatureCollection): unknown[] => features.features.map(({ properties }) => properties?.["id"]);
  assert.deepEqual(ids(pointFeatures(two, null, NOW)), ["a", "b"]);
  assert.deepEqual(ids(pointFeatures(two, "y", NOW)), ["b"]);
  assert.deepEqual(ids(selectedFeatures(two, "y", NOW)), ["a"]);
  const placed = alert({ id: "x", position: HOME, ellipse: two[0]?.ellipse ?? null });
  const areas = areaFeatures(two, { x: placed, y: { ...placed, id: "y" } }, "a").features;
  assert.deepEqual(areas.map(({ properties }) => [properties?.["id"], properties?.["part"]]), [["a", false], ["a", true], ["a", true], ["b", false]]);
});

test("an incident without a place is drawn as the lines of sight of its alerts", () => {
  const nowhere = incident({ position: null, ellipse: null, alert_ids: ["x"] });
  const seen = alert({ id: "x", observer: HOME, bearing_deg: 10 });
  assert.deepEqual(areaFeatures([nowhere], { x: seen }, null).features.map(({ geometry }) => geometry.type), ["LineString"]);
  assert.deepEqual(pointFeatures([nowhere], null, NOW).features, []);
  assert.equal(incidentExtent(nowhere, { x: seen }).length, 2);
  assert.deepEqual(incidentExtent(nowhere, {}), []);
});

test("what is settled leaves the map unless it is selected, and each state has a sign of its own", () => {
  const all = { a: incident(), c: resolved({ id: "c", alert_ids: [] }) };
  assert.deepEqual(drawn(all, null).map(({ id }) => id), ["a"]);
  assert.deepEqual(drawn(all, "c").map(({ id }) => id), ["a", "c"]);
  const marks = [incident({ acknowledge: target(-1) }), incident(), acknowledged(), dispatched(), incident({ evidence: "withdrawn" }), resolved()];
  assert.deepEqual(marks.map((one) => markOf(one, NOW)), ["late", "new", "acknowledged", "dispatched", "lost", "closed"]);
});
