// How the map looks. Every source is data of our own or of the station: no glyphs, no sprites, no other host.
// Pure: the same colours give the same style.

import type { ExpressionSpecification, LayerSpecification, StyleSpecification } from "maplibre-gl";
import { WORLD, worldLayers } from "./base_layers.ts";
import { CLUSTERED, INCIDENT_CHOSEN, INCIDENTS, incidentLayers } from "./incident_layers.ts";
import type { Palette } from "./palette.ts";

export const SOURCES = [
  "gridMinor",
  "gridMajor",
  "zones",
  "patrols",
  "trails",
  "freshTrails",
  "footprints",
  "cones",
  "tips",
  "alerts",
  "traffic",
  "drones",
  "measured",
  INCIDENTS,
  INCIDENT_CHOSEN,
] as const;
export type SourceName = (typeof SOURCES)[number];
export const ALERT_AREA = "alert-area";
export const TIP_AREA = "tip-area";
export const DRONES = "drones";
/** Searched ground is drawn below this one. */
export const ABOVE_SEARCHED = "no-fly-area";

/** What people can take off the map, and which layers that is. Base maps are apart. */
export const GROUPS = {
  grid: ["grid-minor", "grid-major"],
  fences: ["fence", "no-fly-area", "no-fly-hatch", "no-fly-edge", "patrol-area", "landing-places"],
  ignoreZones: ["ignore-area", "ignore-edge", "ignore-name"],
  patrols: ["patrol", "patrol-points"],
  trails: ["trail", "fresh-trail"],
  cameras: ["footprint", "footprint-edge", "cone", "cone-edge"],
  traffic: ["traffic-line", "traffic-aircraft"],
  searched: [],
  wind: [],
} as const satisfies Record<string, readonly string[]>;
export type GroupName = keyof typeof GROUPS;

export function ownLayers(colours: Palette): LayerSpecification[] {
  const tone: ExpressionSpecification = [
    "case",
    ["!", ["get", "active"]],
    colours.gone,
    ["==", ["get", "label"], "fire"],
    colours.fire,
    colours.smoke,
  ];
  const seen: ExpressionSpecification = ["case", ["get", "blind"], colours.bad, colours.air];
  const verified: ExpressionSpecification = ["case", ["get", "aboard"], colours.patrol, colours.warn];
  const isArea: ExpressionSpecification = ["==", ["geometry-type"], "Polygon"];
  const isLine: ExpressionSpecification = ["==", ["geometry-type"], "LineString"];
  const isPart: ExpressionSpecification = ["==", ["get", "part"], true]; // one alert of the selected incident
  const isPoint: ExpressionSpecification = ["==", ["geometry-type"], "Point"];
  const kind = (...names: string[]): ExpressionSpecification => ["in", ["get", "kind"], ["literal", names]];
  const chosen = (yes: number, no: number): ExpressionSpecification => ["case", ["get", "selected"], yes, no];
  const words = { "text-halo-color": colours.halo, "text-halo-width": 1.6 };
  return [
    { id: "grid-minor", type: "line", source: "gridMinor", paint: { "line-color": colours.minor, "line-width": 1 } },
    { id: "grid-major", type: "line", source: "gridMajor", paint: { "line-color": colours.major, "line-width": 1 } },
    {
      id: "no-fly-area",
      type: "fill",
      source: "zones",
      filter: kind("no-fly"),
      paint: { "fill-color": colours.bad, "fill-opacity": 0.08 },
    },
    { id: "no-fly-hatch", type: "fill", source: "zones", filter: kind("no-fly"), paint: { "fill-pattern": "hatch" } },
    {
      id: "no-fly-edge",
      type: "line",
      source: "zones",
      filter: kind("no-fly"),
      paint: { "line-color": colours.bad, "line-width": 2 },
    },
    { id: "ignore-area", type: "fill", source: "zones", filter: kind("ignore"), paint: { "fill-pattern": "dots" } },
    {
      id: "ignore-edge",
      type: "line",
      source: "zones",
      filter: kind("ignore"),
      layout: { "line-cap": "round" },
      paint: { "line-color": colours.dim, "line-width": 2.5, "line-dasharray": [0.1, 2] },
    },
    {
      id: "patrol-area",
      type: "line",
      source: "zones",
      filter: kind("area"),
      paint: { "line-color": colours.patrol, "line-width": 1.5, "line-dasharray": [6, 2, 1, 2], "line-opacity": 0.9 },
    },
    {
      id: "fence",
      type: "line",
      source: "zones",
      filter: kind("fence"),
      layout: { "line-join": "round" },
      paint: { "line-color": colours.warn, "line-width": 3, "line-dasharray": [5, 1.5] },
    },
    { id: "footprint", type: "fill", source: "footprints", paint: { "fill-color": seen, "fill-opacity": 0.13 } },
    {
      id: "footprint-edge",
      type: "line",
      source: "footprints",
      paint: { "line-color": seen, "line-width": 1.5, "line-opacity": 0.75 },
    },
    { id: "cone", type: "fill", source: "cones", paint: { "fill-color": seen, "fill-opacity": 0.07 } },
    {
      id: "cone-edge",
      type: "line",
      source: "cones",
      paint: { "line-color": seen, "line-width": 1, "line-opacity": 0.6, "line-dasharray": [2, 3] },
    },
    {
      id: "patrol",
      type: "line",
      source: "patrols",
      filter: isLine,
      layout: { "line-join": "round" },
      paint: { "line-color": verified, "line-width": 2, "line-dasharray": [3, 2.5], "line-opacity": 0.85 },
    },
    {
      id: "patrol-points",
      type: "circle",
      source: "patrols",
      filter: ["!", isLine],
      paint: {
        "circle-radius": 3,
        "circle-color": colours.halo,
        "circle-stroke-color": verified,
        "circle-stroke-width": 1.5,
      },
    },
    {
      id: "trail",
      type: "line",
      source: "trails",
      layout: { "line-join": "round", "line-cap": "round" },
      paint: { "line-color": colours.air, "line-width": 2, "line-opacity": 0.5 },
    },
    {
      id: "fresh-trail",
      type: "line",
      source: "freshTrails",
      layout: { "line-join": "round", "line-cap": "round" },
      paint: { "line-color": colours.air, "line-width": 3, "line-opacity": 0.8 },
    },
    {
      id: TIP_AREA,
      type: "fill",
      source: "tips",
      paint: { "fill-color": colours.tip, "fill-opacity": chosen(0.16, 0.07) },
    },
    {
      id: "tip-edge",
      type: "line",
      source: "tips",
      paint: {
        "line-color": ["case", ["get", "waits"], colours.tip, colours.gone],
        "line-width": chosen(2.5, 1.5),
        "line-dasharray": [2, 2],
      },
    },
    {
      id: ALERT_AREA,
      type: "fill",
      source: "alerts",
      filter: ["all", isArea, ["!", isPart]],
      paint: { "fill-color": tone, "fill-opacity": chosen(0.34, 0.22) },
    },
    {
      id: "alert-edge",
      type: "line",
      source: "alerts",
      filter: isArea,
      paint: { "line-color": tone, "line-width": ["case", ["get", "selected"], 2.5, isPart, 0.8, 1.5] },
    },
    {
      id: "alert-sight",
      type: "line",
      source: "alerts",
      filter: isLine,
      paint: { "line-color": tone, "line-width": chosen(3, 2), "line-dasharray": [1, 1.5] },
    },
    {
      id: "ignore-name",
      type: "symbol",
      source: "zones",
      filter: kind("ignore"),
      minzoom: 12,
      layout: { "text-field": ["get", "name"], "text-size": 13 },
      paint: { "text-color": colours.dim, ...words },
    },
    {
      id: "landing-places",
      type: "symbol",
      source: "zones",
      filter: kind("home", "rally"),
      layout: { "icon-image": ["get", "kind"], "icon-allow-overlap": true },
    },
    {
      id: "traffic-line",
      type: "line",
      source: "traffic",
      filter: isLine,
      paint: { "line-color": colours.bad, "line-width": 2, "line-dasharray": [1.5, 1.5] },
    },
    {
      id: "traffic-aircraft",
      type: "symbol",
      source: "traffic",
      filter: isPoint,
      layout: {
        "icon-image": ["get", "icon"],
        "icon-rotate": ["get", "heading"],
        "icon-rotation-alignment": "map",
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
        "text-field": ["get", "text"],
        "text-size": 13,
        "text-anchor": "top",
        "text-offset": [0, 1.3],
        "text-optional": true,
      },
      paint: { "text-color": colours.bad, ...words },
    },
    {
      id: "measured-area",
      type: "fill",
      source: "measured",
      filter: isArea,
      paint: { "fill-color": colours.text, "fill-opacity": 0.1 },
    },
    {
      id: "measured-line",
      type: "line",
      source: "measured",
      filter: isLine,
      paint: { "line-color": colours.text, "line-width": 2.5, "line-dasharray": [2, 1] },
    },
    {
      id: "measured-points",
      type: "circle",
      source: "measured",
      filter: isPoint,
      paint: {
        "circle-radius": 5,
        "circle-color": colours.halo,
        "circle-stroke-color": colours.text,
        "circle-stroke-width": 2.5,
      },
    },
    {
      id: DRONES,
      type: "symbol",
      source: "drones",
      layout: {
        "icon-image": ["get", "icon"],
        "icon-rotate": ["get", "heading"],
        "icon-rotation-alignment": "map",
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
        "icon-size": ["case", ["get", "chosen"], 1.2, 1],
        "symbol-sort-key": ["case", ["get", "chosen"], 1, 0],
        "text-field": ["get", "name"],
        "text-size": 13,
        "text-anchor": "top",
        "text-offset": [0, 1.5],
        "text-optional": true,
      },
      paint: {
        "text-color": ["match", ["get", "look"], "blind", colours.bad, "stale", colours.gone, colours.air],
        ...words,
      },
    },
    ...incidentLayers(colours),
  ];
}

const NOTHING: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };

/** The whole map before the station has told of its files. `outline`: the world's, or where it is fetched. */
export function style(colours: Palette, outline: string | GeoJSON.GeoJSON): StyleSpecification {
  return {
    version: 8,
    sources: {
      [WORLD]: { type: "geojson", data: outline, tolerance: 0.5 },
      ...Object.fromEntries(
        SOURCES.map((name) => [name, { type: "geojson", data: NOTHING, ...(name === INCIDENTS ? CLUSTERED : {}) }]),
      ),
    },
    layers: [...worldLayers(colours), ...ownLayers(colours)],
  };
}
