// How the map looks. Every source is data of our own: no tiles, no glyphs, no sprites, no other host.

import type { ExpressionSpecification, LayerSpecification, StyleSpecification } from "maplibre-gl";

export const SOURCES = ["gridMinor", "gridMajor", "patrols", "tracks", "footprints", "tips", "alerts"] as const;
export type SourceName = (typeof SOURCES)[number];
export const ALERT_AREA = "alert-area";
export const TIP_AREA = "tip-area";

const COLOURS = {
  ground: "#0c131a",
  minor: "#16212c",
  major: "#243443",
  air: "#5fd0ff",
  patrol: "#7fa8ff",
  warn: "#ffcb57",
  bad: "#ff6b6b",
  fire: "#ff8a3d",
  smoke: "#c9d5e3",
  past: "#8494a4",
  tip: "#d99bff",
};

const TONE: ExpressionSpecification = [
  "case",
  ["!", ["get", "active"]],
  COLOURS.past,
  ["==", ["get", "label"], "fire"],
  COLOURS.fire,
  COLOURS.smoke,
];
const SEEN: ExpressionSpecification = ["case", ["get", "blind"], COLOURS.bad, COLOURS.air];
const VERIFIED: ExpressionSpecification = ["case", ["get", "aboard"], COLOURS.patrol, COLOURS.warn];
const IS_AREA: ExpressionSpecification = ["==", ["geometry-type"], "Polygon"];
const IS_LINE: ExpressionSpecification = ["==", ["geometry-type"], "LineString"];

const layers: LayerSpecification[] = [
  { id: "ground", type: "background", paint: { "background-color": COLOURS.ground } },
  { id: "grid-minor", type: "line", source: "gridMinor", paint: { "line-color": COLOURS.minor, "line-width": 1 } },
  { id: "grid-major", type: "line", source: "gridMajor", paint: { "line-color": COLOURS.major, "line-width": 1 } },
  { id: "footprint", type: "fill", source: "footprints", paint: { "fill-color": SEEN, "fill-opacity": 0.13 } },
  {
    id: "footprint-edge",
    type: "line",
    source: "footprints",
    paint: { "line-color": SEEN, "line-width": 1.5, "line-opacity": 0.75 },
  },
  {
    id: "patrol",
    type: "line",
    source: "patrols",
    filter: IS_LINE,
    layout: { "line-join": "round" },
    paint: { "line-color": VERIFIED, "line-width": 2, "line-dasharray": [3, 2.5], "line-opacity": 0.85 },
  },
  {
    id: "patrol-points",
    type: "circle",
    source: "patrols",
    filter: ["!", IS_LINE],
    paint: {
      "circle-radius": 3,
      "circle-color": COLOURS.ground,
      "circle-stroke-color": VERIFIED,
      "circle-stroke-width": 1.5,
    },
  },
  {
    id: "track",
    type: "line",
    source: "tracks",
    layout: { "line-join": "round", "line-cap": "round" },
    paint: { "line-color": COLOURS.air, "line-width": 3, "line-opacity": 0.65 },
  },
  {
    id: TIP_AREA,
    type: "fill",
    source: "tips",
    paint: { "fill-color": COLOURS.tip, "fill-opacity": ["case", ["get", "selected"], 0.16, 0.07] },
  },
  {
    id: "tip-edge",
    type: "line",
    source: "tips",
    paint: {
      "line-color": ["case", ["get", "waits"], COLOURS.tip, COLOURS.past],
      "line-width": ["case", ["get", "selected"], 2.5, 1.5],
      "line-dasharray": [2, 2],
    },
  },
  {
    id: ALERT_AREA,
    type: "fill",
    source: "alerts",
    filter: IS_AREA,
    paint: { "fill-color": TONE, "fill-opacity": ["case", ["get", "selected"], 0.34, 0.22] },
  },
  {
    id: "alert-edge",
    type: "line",
    source: "alerts",
    filter: IS_AREA,
    paint: { "line-color": TONE, "line-width": ["case", ["get", "selected"], 2.5, 1.5] },
  },
  {
    id: "alert-sight",
    type: "line",
    source: "alerts",
    filter: IS_LINE,
    paint: { "line-color": TONE, "line-width": ["case", ["get", "selected"], 3, 2], "line-dasharray": [1, 1.5] },
  },
];

export const STYLE: StyleSpecification = {
  version: 8,
  sources: Object.fromEntries(
    SOURCES.map((name) => [name, { type: "geojson", data: { type: "FeatureCollection", features: [] } }]),
  ),
  layers,
};
