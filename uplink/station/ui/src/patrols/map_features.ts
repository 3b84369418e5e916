// What the map of a patrol shows, as GeoJSON. Pure.

import type { LonLat } from "../messages.ts";
import type { LatLon, PatrolDraft, PlannedPatrol } from "./answers.ts";
import { isCircle } from "./shapes.ts";

type Feature = GeoJSON.Feature;

const CIRCLE_CORNERS = 48;
const M_PER_DEG = 111_320;

function lonLat([lat, lon]: LatLon): LonLat {
  return [lon, lat];
}

function closed(ring: readonly LonLat[]): LonLat[] {
  return ring.length > 0 ? [...ring, ring[0]!] : [];
}

function shape(kind: string, corners: readonly LatLon[], ring: boolean): Feature[] {
  const line = corners.map(lonLat);
  if (line.length < 2) return [];
  const geometry: GeoJSON.Geometry =
    ring && line.length > 2
      ? { type: "Polygon", coordinates: [closed(line)] }
      : { type: "LineString", coordinates: line };
  return [{ type: "Feature", properties: { kind }, geometry }];
}

export function circle([lat, lon]: LatLon, radius_m: number): LatLon[] {
  return Array.from({ length: CIRCLE_CORNERS }, (_, i) => {
    const angle = (2 * Math.PI * i) / CIRCLE_CORNERS;
    const north = (radius_m * Math.cos(angle)) / M_PER_DEG;
    const east = (radius_m * Math.sin(angle)) / (M_PER_DEG * Math.cos((lat * Math.PI) / 180));
    return [lat + north, lon + east];
  });
}

/** What was drawn. */
export function drawnFeatures({ patrol }: PatrolDraft): GeoJSON.FeatureCollection {
  const features = [
    ...shape("fence", patrol.fence ?? [], true),
    ...(patrol.no_fly ?? []).flatMap((zone) =>
      shape("no-fly", isCircle(zone) ? circle(zone.center, zone.radius_m) : zone, true),
    ),
    ...shape("area", patrol.area ?? [], true),
    ...shape("corridor", patrol.corridor?.line ?? [], false),
  ];
  return { type: "FeatureCollection", features };
}

/** What would be flown. `flight` is the one that stands out, counted from 0; null: all alike. */
export function plannedFeatures(planned: PlannedPatrol | null, flight: number | null): GeoJSON.FeatureCollection {
  const features: Feature[] = [];
  for (const part of planned?.unseen ?? []) {
    features.push({ type: "Feature", properties: { kind: "unseen" }, geometry: { type: "Polygon", coordinates: part } });
  }
  planned?.flights.forEach(({ route }, index) => {
    const properties = { kind: "flight", faint: flight !== null && flight !== index };
    features.push({ type: "Feature", properties, geometry: { type: "LineString", coordinates: route } });
  });
  for (const { lat_deg, lon_deg, what } of planned?.problems ?? []) {
    if (lat_deg === null || lon_deg === null) continue;
    const geometry: GeoJSON.Point = { type: "Point", coordinates: [lon_deg, lat_deg] };
    features.push({ type: "Feature", properties: { kind: "problem", what }, geometry });
  }
  return { type: "FeatureCollection", features };
}

/** Everything of a patrol that the map should hold. */
export function extentOf({ patrol }: PatrolDraft, planned: PlannedPatrol | null): LonLat[] {
  return [
    ...(patrol.home ? [patrol.home] : []),
    ...(patrol.area ?? []),
    ...(patrol.corridor?.line ?? []),
    ...(patrol.points ?? []),
    ...(patrol.fence ?? []),
  ]
    .map(lonLat)
    .concat(planned?.flights.flatMap(({ route }) => route) ?? []);
}
