// What is drawn of a patrol, corner by corner, and whether its sides cross. Pure: every change is a new patrol.

import type { LonLat } from "../messages.ts";
import type { CircleZone, LatLon, PatrolFile } from "./answers.ts";

/** `no-fly:2` is the third no-fly zone. */
export type ShapeName = "home" | "area" | "corridor" | "points" | "fence" | `no-fly:${number}`;

/** What is drawn with corners; a home has one. */
export function cornersOf(patrol: PatrolFile, shape: ShapeName): LatLon[] {
  switch (shape) {
    case "home":
      return patrol.home ? [patrol.home] : [];
    case "area":
      return patrol.area ?? [];
    case "corridor":
      return patrol.corridor?.line ?? [];
    case "points":
      return patrol.points ?? [];
    case "fence":
      return patrol.fence ?? [];
    default: {
      const zone = patrol.no_fly?.[zoneNumber(shape)];
      return zone === undefined || isCircle(zone) ? [] : zone;
    }
  }
}

export function isCircle(zone: LatLon[] | CircleZone): zone is CircleZone {
  return !Array.isArray(zone);
}

/** The least corners with which it is something. */
export function leastCorners(shape: ShapeName): number {
  return shape === "home" || shape === "points" ? 1 : shape === "corridor" ? 2 : 3;
}

/** Whether its last corner is joined to its first. */
export function isClosed(shape: ShapeName): boolean {
  return shape === "area" || shape === "fence" || shape.startsWith("no-fly:");
}

/** The patrol with these corners of one of its shapes. What has none is left out of it. */
export function withCorners(patrol: PatrolFile, shape: ShapeName, corners: readonly LatLon[]): PatrolFile {
  const drawn = corners.map(([lat, lon]): LatLon => [rounded(lat), rounded(lon)]);
  switch (shape) {
    case "home":
      return { ...patrol, home: drawn.at(-1) ?? null };
    case "area":
      return { ...patrol, area: drawn };
    case "corridor":
      return { ...patrol, corridor: { width_m: patrol.corridor?.width_m ?? 60, line: drawn } };
    case "points":
      return { ...patrol, points: drawn };
    case "fence":
      return { ...patrol, fence: drawn.length > 0 ? drawn : null };
    default: {
      const zones = [...(patrol.no_fly ?? [])];
      if (drawn.length > 0) zones[zoneNumber(shape)] = drawn;
      else zones.splice(zoneNumber(shape), 1);
      return { ...patrol, no_fly: zones };
    }
  }
}

/** As maps have them: longitude first. */
export function ringOf(patrol: PatrolFile, shape: ShapeName): LonLat[] {
  return cornersOf(patrol, shape).map(([lat, lon]) => [lon, lat]);
}

export function withRing(patrol: PatrolFile, shape: ShapeName, ring: readonly LonLat[]): PatrolFile {
  return withCorners(patrol, shape, ring.map(([lon, lat]): LatLon => [lat, lon]));
}

/** Where two sides of a ring cross; null where none do. */
export function crossing(ring: readonly LatLon[]): LatLon | null {
  const count = ring.length;
  for (let i = 0; i < count; i++) {
    for (let j = i + 2; j < count; j++) {
      if (i === 0 && j === count - 1) continue; // neighbours
      const found = meeting(ring[i]!, ring[(i + 1) % count]!, ring[j]!, ring[(j + 1) % count]!);
      if (found) return found;
    }
  }
  return null;
}

function meeting(a: LatLon, b: LatLon, c: LatLon, d: LatLon): LatLon | null {
  const [r, s] = [[b[0] - a[0], b[1] - a[1]] as const, [d[0] - c[0], d[1] - c[1]] as const];
  const turn = r[0] * s[1] - r[1] * s[0];
  if (turn === 0) return null;
  const along = ((c[0] - a[0]) * s[1] - (c[1] - a[1]) * s[0]) / turn;
  const across = ((c[0] - a[0]) * r[1] - (c[1] - a[1]) * r[0]) / turn;
  if (along < 0 || along > 1 || across < 0 || across > 1) return null;
  return [a[0] + along * r[0], a[1] + along * r[1]];
}

export function placeText([lat, lon]: LatLon): string {
  return `${lat.toFixed(6)}, ${lon.toFixed(6)}`;
}

function zoneNumber(shape: ShapeName): number {
  return Number(shape.slice("no-fly:".length));
}

function rounded(deg: number): number {
  return Math.round(deg * 1e7) / 1e7;
}
