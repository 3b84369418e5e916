// Metres to degrees and back around a point, on the WGS 84 ellipsoid. Good to a part in a thousand over tens of km.

import type { ErrorEllipse, LonLat, Position } from "./messages.ts";

const SEMI_MAJOR_M = 6378137;
const ECCENTRICITY_2 = 6.69437999014e-3;
const RAD = Math.PI / 180;

export type Bounds = [west: number, south: number, east: number, north: number];

/** The point `east_m`, `north_m` away from `origin`. */
export function offset(origin: Position, east_m: number, north_m: number): LonLat {
  const sin = Math.sin(origin.lat_deg * RAD);
  const w = Math.sqrt(1 - ECCENTRICITY_2 * sin * sin);
  const meridian_m = (SEMI_MAJOR_M * (1 - ECCENTRICITY_2)) / (w * w * w);
  const parallel_m = (SEMI_MAJOR_M / w) * Math.cos(origin.lat_deg * RAD);
  return [origin.lon_deg + east_m / parallel_m / RAD, origin.lat_deg + north_m / meridian_m / RAD];
}

/** The ring of an error ellipse, true to scale; the major axis lies `orientation_deg` clockwise from north. */
export function ellipseRing(centre: Position, ellipse: ErrorEllipse, points = 72): LonLat[] {
  const turn = ellipse.orientation_deg * RAD;
  const ring: LonLat[] = [];
  for (let i = 0; i <= points; i++) {
    const angle = (2 * Math.PI * (i % points)) / points;
    const along_m = ellipse.semi_major_m * Math.cos(angle);
    const across_m = ellipse.semi_minor_m * Math.sin(angle);
    const east_m = along_m * Math.sin(turn) + across_m * Math.cos(turn);
    const north_m = along_m * Math.cos(turn) - across_m * Math.sin(turn);
    ring.push(offset(centre, east_m, north_m));
  }
  return ring;
}

/** A circle on the ground, true to scale. */
export function circleRing(centre: Position, radius_m: number): LonLat[] {
  return ellipseRing(centre, { semi_major_m: radius_m, semi_minor_m: radius_m, orientation_deg: 0, confidence: 1 });
}

/** Metres between two places that are not further apart than a day's flight. */
export function apart(a: Position, b: Position): number {
  const [lon1, lat1] = offset(a, 1, 1);
  const east = (((b.lon_deg - a.lon_deg + 540) % 360) - 180) / (lon1 - a.lon_deg);
  return Math.hypot(east, (b.lat_deg - a.lat_deg) / (lat1 - a.lat_deg));
}

/** The line of sight from `observer`, for what is known by its bearing only. */
export function sightLine(observer: Position, bearing_deg: number, length_m: number): LonLat[] {
  const angle = bearing_deg * RAD;
  return [
    [observer.lon_deg, observer.lat_deg],
    offset(observer, length_m * Math.sin(angle), length_m * Math.cos(angle)),
  ];
}

export function lonLat(position: Position): LonLat {
  return [position.lon_deg, position.lat_deg];
}

export function boundsOf(points: Iterable<LonLat>): Bounds | null {
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [lon, lat] of points) {
    west = Math.min(west, lon);
    south = Math.min(south, lat);
    east = Math.max(east, lon);
    north = Math.max(north, lat);
  }
  return west <= east ? [west, south, east, north] : null;
}

const WINDS = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"] as const;

/** "SW 225°" */
export function compass(deg: number): string {
  return `${WINDS[Math.round(deg / 45) % 8]} ${String(Math.round(deg) % 360).padStart(3, "0")}°`;
}

/** Whether a place is in a ring, by crossings of its border; rings are small, and none holds a pole. */
export function inRing([lon, lat]: LonLat, ring: readonly LonLat[]): boolean {
  const near = (other: number): number => lon + ((((other - lon + 180) % 360) + 360) % 360) - 180;
  let inside = false;
  for (const [index, [lonA, latA]] of ring.entries()) {
    const [lonB, latB] = ring[(index + 1) % ring.length] ?? [0, 0];
    if (latA > lat === latB > lat) continue;
    const crossing = near(lonA) + ((lat - latA) / (latB - latA)) * (near(lonB) - near(lonA));
    if (lon < crossing) inside = !inside;
  }
  return inside;
}
