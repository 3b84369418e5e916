// Lines of latitude and longitude, as dense as the zoom can bear. Pure.

import type { Bounds } from "../geo.ts";

export interface Graticule {
  minor: GeoJSON.MultiLineString;
  major: GeoJSON.MultiLineString;
  /** Longitudes and latitudes of the major lines, with the text that names them. */
  lons: GridLabel[];
  lats: GridLabel[];
}

export interface GridLabel {
  value_deg: number;
  text: string;
}

const MINOR_PX = 56; // at least this far apart
const MAX_LINES = 400;

/** The smallest of 1, 2, 5 × 10ⁿ that is at least `least`. */
export function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least) + 1e-9);
  const factor = [1, 2, 5, 10].find((f) => f * power >= least * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** Each minor step divides its major step. */
function majorOf(minor: number): number {
  return niceStep(minor * 4);
}

/** The grid over `bounds` (degrees), where one pixel is `degPerPx` of longitude wide. */
export function graticule(bounds: Bounds, degPerPx: number): Graticule {
  const [west, south, east, north] = bounds;
  const minor = Math.min(niceStep(degPerPx * MINOR_PX), 10);
  const major = minor >= 10 ? 30 : majorOf(minor);
  const span: Bounds = [west, Math.max(south, -85), east, Math.min(north, 85)];
  return {
    minor: lines(span, minor),
    major: lines(span, major),
    lons: steps(west, east, major).map((v) => ({ value_deg: v, text: name(wrap(v), "E", "W", major) })),
    lats: steps(span[1], span[3], major).map((v) => ({ value_deg: v, text: name(v, "N", "S", major) })),
  };
}

function lines([west, south, east, north]: Bounds, step: number): GeoJSON.MultiLineString {
  const meridians = steps(west, east, step).map((lon) => [[lon, south], [lon, north]]);
  const parallels = steps(south, north, step).map((lat) => [[west, lat], [east, lat]]);
  return { type: "MultiLineString", coordinates: [...meridians, ...parallels] };
}

function steps(from: number, to: number, step: number): number[] {
  const first = Math.ceil(from / step);
  const count = Math.min(Math.floor(to / step) - first + 1, MAX_LINES);
  return Array.from({ length: Math.max(count, 0) }, (_, i) => (first + i) * step);
}

function wrap(lon: number): number {
  return ((((lon + 180) % 360) + 360) % 360) - 180;
}

function name(value: number, positive: string, negative: string, step: number): string {
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const text = Math.abs(value).toFixed(digits);
  const side = Number(text) === 0 ? "" : value > 0 ? positive : negative;
  return `${text}°${side}`;
}
