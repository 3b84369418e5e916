import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import { validateStyleMin } from "../../../uplink/station/ui/node_modules/@maplibre/maplibre-gl-style-spec/dist/index.mjs";
import { coneFeatures, droneFeatures, FRESH_POINTS, trafficFeatures, trailFeatures } from "../../../uplink/station/ui/src/map/air_features.ts";
import { fileLayers, fileSource, hillLayer, HEIGHTS, OPEN_HEIGHTS, sourceId, terrainSource, tintLayer } from "../../../uplink/station/ui/src/map/base_layers.ts";
import { leg } from "../../../uplink/station/ui/src/map/geodesic.ts";
import type { MapFile } from "../../../uplink/station/ui/src/map/map_files.ts";
import { measuredFeatures } from "../../../uplink/station/ui/src/map/measured.ts";
import { PALETTES } from "../../../uplink/station/ui/src/map/palette.ts";
import { AGES, cellsOf, pixelsOf, rgbOf } from "../../../uplink/station/ui/src/map/searched.ts";
import { GROUPS, ownLayers, style } from "../../../uplink/station/ui/src/map/style.ts";
import { zoneFeatures } from "../../../uplink/station/ui/src/map/zone_features.ts";
import type { DroneGround, DroneState, LonLat, SearchedGround, TrafficReport } from "../../../uplink/station/ui/src/messages.ts";
import type { HeardDrone } from "../../../uplink/station/ui/src/state.ts";

const SOURCES = new URL("../../../uplink/station/ui/src/", import.meta.url);
const LOOKS = ["dark", "light", "sun"] as const;
const ADDRESS = "http://127.0.0.1/api/v1/map/";
const BOX = { west_deg: 149, south_deg: -36, east_deg: 150, north_deg: -35, min_zoom: 3, max_zoom: 14 };
const TERRAIN = { ...BOX, version: "a", lowest_m: 500, highest_m: 900 };
const CITY: MapFile = {
  ...BOX, name: "my city.pmtiles", title: "City", kind: "pmtiles", tiles: "vector", version: "v1", attribution: "",
  layers: ["water", "roads", "buildings", "places", "pois"],
};
const PHOTOS: MapFile = { ...CITY, name: "photos.mbtiles", kind: "mbtiles", tiles: "raster", layers: [] };

test("the map's style is one that MapLibre takes, in each look and with every kind of ground", () => {
  for (const look of LOOKS) {
    const colours = PALETTES[look];
    const whole = style(colours, "http://127.0.0.1/world.json");
    Object.assign(whole.sources, {
      [HEIGHTS]: terrainSource(TERRAIN, ADDRESS, false),
      [OPEN_HEIGHTS]: terrainSource(TERRAIN, ADDRESS, true),
      [sourceId(CITY)]: fileSource(CITY, ADDRESS),
      [sourceId(PHOTOS)]: fileSource(PHOTOS, ADDRESS),
    });
    whole.layers.push(tintLayer(colours, TERRAIN, 0.5), ...fileLayers(CITY, colours, 0.5), ...fileLayers(PHOTOS, colours, 0.5), hillLayer(colours));
    // Without glyphs the text is drawn by the browser; the checker knows only the older rule.
    const faults = validateStyleMin(whole).filter(({ message }) => !message.includes("glyphs"));
    assert.deepEqual(faults.map(({ message }) => message), []);
  }
});

test("the map's colours are the page's own", () => {
  const css = readFileSync(new URL("theme.css", SOURCES), "utf8");
  const blocks = { dark: ":root {", light: ':root[data-look="light"] {', sun: ':root[data-look="sun"] {' };
  const read = (head: string): Record<string, string> =>
    Object.fromEntries([...(css.split(head)[1] ?? "").split("}")[0]!.matchAll(/--(\w+): (#[0-9a-f]+);/g)].map(([, name, value]) => [name, value]));
  for (const look of LOOKS) {
    const theme = { ...read(blocks.dark), ...read(blocks[look]) };
    for (const name of ["text", "dim", "gone", "fire", "smoke", "air", "patrol", "tip", "ok", "warn", "bad"] as const) {
      assert.equal(PALETTES[look][name], theme[name], `${look} ${name}`);
    }
  }
});

test("every layer that can be taken off is there to be taken off", () => {
  const ids = new Set(ownLayers(PALETTES.dark).map(({ id }) => id));
  for (const [name, layers] of Object.entries(GROUPS)) for (const layer of layers) assert.ok(ids.has(layer), `${name}: ${layer}`);
});

test("of a vector file what is known is drawn by its meaning, and of a stranger one its lines", () => {
  const drawn = fileLayers(CITY, PALETTES.dark, 1).map(({ id }) => id.replace("file:my city.pmtiles/", ""));
  for (const id of ["water", "roads-main", "buildings-area", "places-2"]) assert.ok(drawn.includes(id), id);
  assert.ok(!drawn.some((id) => id.startsWith("pois") || id.startsWith("transportation")));
  const stranger = fileLayers({ ...CITY, layers: ["hydrants"] }, PALETTES.dark, 0.5);
  assert.deepEqual(stranger.map((layer) => "source-layer" in layer && layer["source-layer"]), ["hydrants"]);
  assert.ok(fileSource(CITY, ADDRESS)["type"] === "vector");
  assert.match(JSON.stringify(fileSource(CITY, ADDRESS)), /pmtiles:\/\/http:\/\/127\.0\.0\.1\/api\/v1\/map\/files\/my%20city\.pmtiles\?v=v1\/\{z\}/);
});

const HOME: LonLat = [149.165237, -35.363262];

function drone(change: Partial<DroneState> = {}, heardAt = 1000): HeardDrone {
  const state = {
    drone_id: "d1", name: "Kestrel", position: { lat_deg: HOME[1], lon_deg: HOME[0], alt_amsl_m: 600, datum: "WGS84" },
    heading_deg: 45, seeing: "seeing", fixed: false, footprint: [], view: null, traffic: [], ...change,
  };
  return { state: state as unknown as DroneState, heardAt };
}

test("a drone's picture says how it is: sound, blind, silent, without a heading, on a mast", () => {
  const icon = (one: HeardDrone, now = 2000): unknown => droneFeatures([one], now, 5000, "d1").features[0]?.properties?.["icon"];
  assert.equal(icon(drone()), "heading-sound");
  assert.equal(icon(drone({ seeing: "blind" })), "heading-blind");
  assert.equal(icon(drone(), 9000), "heading-stale");
  assert.equal(icon(drone({ heading_deg: null })), "still-sound");
  assert.equal(icon(drone({ fixed: true })), "fixed-sound");
  assert.equal(droneFeatures([drone({ position: null })], 0, 1, null).features.length, 0);
});

test("a camera's cone opens where it looks, as wide as its picture and as far as it sees", () => {
  const view = { azimuth_deg: 90, elevation_deg: -30, hfov_deg: 60 };
  const [cone] = coneFeatures([drone({ view, footprint: [HOME, [HOME[0] + 0.01, HOME[1]], HOME] })]).features;
  const [ring] = (cone?.geometry as GeoJSON.Polygon).coordinates as [LonLat[]];
  assert.deepEqual(ring[0], HOME);
  const rim = ring.slice(1, -1).map((point) => leg(HOME, point));
  assert.ok(Math.abs((rim[0]?.bearing_deg ?? 0) - 60) < 0.5 && Math.abs((rim.at(-1)?.bearing_deg ?? 0) - 120) < 0.5);
  assert.ok(rim.every((one) => one && Math.abs(one.distance_m - 909) < 3), "0.01° of longitude there");
  assert.equal(coneFeatures([drone({ view: { ...view, elevation_deg: -85 } })]).features.length, 0);
});

test("a long trail is drawn in two parts that meet", () => {
  const points = Array.from({ length: 200 }, (_, i): LonLat => [149 + i * 1e-4, -35]);
  const { old, fresh } = trailFeatures({ d1: points, d2: points.slice(0, 1) });
  const ends = ({ features }: GeoJSON.FeatureCollection): LonLat[] => (features[0]?.geometry as GeoJSON.LineString).coordinates as LonLat[];
  assert.equal(old.features.length + fresh.features.length, 2);
  assert.ok(ends(old).length + ends(fresh).length >= 200 && ends(fresh).length < 3 * FRESH_POINTS);
  assert.ok((ends(old).at(-1)?.[0] ?? 0) >= (ends(fresh)[0]?.[0] ?? 1), "no gap between them");
  assert.deepEqual(ends(fresh).at(-1), points.at(-1));
});

test("of another aircraft that several drones see the most urgent word counts, and it is drawn on to its closest point", () => {
  const report = { icao: "A1", callsign: "R1", lat_deg: HOME[1], lon_deg: HOME[0], cpa_distance_m: 300, cpa_in_s: 20, track_deg: 90, speed_m_s: 50 } as TrafficReport;
  const near = { ...report, cpa_distance_m: 90 };
  const { features } = trafficFeatures([drone({ traffic: [report] }), drone({ traffic: [near] })], ({ cpa_distance_m }) => `${cpa_distance_m}`);
  assert.deepEqual(features.map(({ geometry }) => geometry.type), ["LineString", "Point", "Point"]);
  assert.equal(features[2]?.properties?.["text"], "90");
  const closest = (features[1]?.geometry as GeoJSON.Point).coordinates as LonLat;
  assert.ok(Math.abs((leg(HOME, closest)?.distance_m ?? 0) - 1000) < 2, "50 m/s for 20 s");
  const still = trafficFeatures([drone({ traffic: [{ ...report, track_deg: null }] })], () => "").features;
  assert.deepEqual(still.map(({ properties }) => properties?.["icon"]), ["traffic-still"]);
});

test("zones are drawn once each, and only while they hold", () => {
  const ring: LonLat[] = [HOME, [149.2, -35.3], [149.2, -35.4]];
  const ground = {
    drone_id: "d1", fence: [{ keep: "in", ring }, { keep: "out", ring }], rally: [], area: ring,
    home: { lat_deg: HOME[1], lon_deg: HOME[0], alt_amsl_m: 0, datum: "WGS84" },
    ignore_zones: [{ name: "kiln", reason: "kiln", ring, begins: null, ends: "2026-07-01T12:00:00Z" }],
  } as DroneGround;
  const kinds = (now: string): unknown[] =>
    zoneFeatures({ grounds: { d1: ground, d2: { ...ground, drone_id: "d2" } }, zones: {} }, Date.parse(now)).features.map(({ properties }) => properties?.["kind"]);
  assert.deepEqual(kinds("2026-07-01T11:00:00Z"), ["fence", "no-fly", "ignore", "area", "home"]);
  assert.deepEqual(kinds("2026-07-01T12:00:00Z"), ["fence", "no-fly", "area", "home"]);
});

test("searched ground fades with its age, and what was not seen is not drawn", async () => {
  const cells = new Uint8Array([0, 1, 41, 61]);
  const ground = {
    columns: 2, rows: 2, began: "2026-07-01T12:00:00Z", slot_s: 15, cells: deflateSync(cells).toString("base64"),
  } as SearchedGround;
  assert.deepEqual(await cellsOf(ground), cells);
  await assert.rejects(cellsOf({ ...ground, rows: 3 }));
  // 16 minutes on: seen 16, 6 and 1 minute ago.
  const pixels = pixelsOf(ground, cells, Date.parse("2026-07-01T12:16:00Z"), rgbOf("#5ddc97"));
  const alphas = [3, 7, 11, 15].map((i) => pixels[i]);
  assert.deepEqual(alphas, [0, AGES[2], AGES[1], AGES[0]].map((age) => (age ? Math.round(255 * (age as { strength: number }).strength) : 0)));
  assert.deepEqual([...pixels.slice(4, 7)], [0x5d, 0xdc, 0x97]);
  assert.deepEqual(rgbOf("#0f8"), [0, 255, 136]);
});

test("what is measured is points, then a line, then an area", () => {
  const kinds = (count: number): string[] =>
    measuredFeatures(Array.from({ length: count }, (_, i): LonLat => [i, i * i])).features.map(({ geometry }) => geometry.type);
  assert.deepEqual(kinds(1), ["Point"]);
  assert.deepEqual(kinds(2), ["LineString", "Point", "Point"]);
  assert.deepEqual(kinds(3).slice(0, 2), ["Polygon", "LineString"]);
});
