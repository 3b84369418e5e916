// Where drones may fly, may land, and what they keep quiet about, as the map draws it. Pure.

import type { DroneGround, LonLat } from "../messages.ts";
import type { World } from "../state.ts";

type Features = GeoJSON.FeatureCollection;

/** Fence, no-fly areas, ignore zones (the drones' and the station's) and areas of patrols, and the points for
 *  home and rally. What several drones tell is drawn once. */
export function zoneFeatures({ grounds, zones }: Pick<World, "grounds" | "zones">, now: number): Features {
  const drawn = new Map<string, GeoJSON.Feature>();
  const add = (kind: string, geometry: GeoJSON.Geometry, name = ""): void => {
    const key = `${kind} ${name} ${JSON.stringify(geometry)}`;
    drawn.set(key, { type: "Feature", geometry, properties: { kind, name } });
  };
  for (const ground of Object.values(grounds)) {
    for (const { keep, ring } of ground.fence) add(keep === "in" ? "fence" : "no-fly", area(ring));
    for (const zone of ground.ignore_zones) {
      if (holds(zone, now)) add("ignore", area(zone.ring), zone.name);
    }
    if (ground.area.length >= 3) add("area", area(ground.area));
    if (ground.home) add("home", point(ground.home));
    for (const rally of ground.rally) add("rally", point(rally));
  }
  for (const { ring, name, starts_at, ends_at } of Object.values(zones)) {
    if (holds({ begins: starts_at, ends: ends_at }, now)) add("ignore", area(ring), name);
  }
  return { type: "FeatureCollection", features: [...drawn.values()] };
}

export function holds({ begins, ends }: { begins: string | null; ends: string | null }, now: number): boolean {
  return (begins === null || Date.parse(begins) <= now) && (ends === null || now < Date.parse(ends));
}

function area(ring: readonly LonLat[]): GeoJSON.Polygon {
  return { type: "Polygon", coordinates: [[...ring, ring[0] as LonLat]] };
}

function point({ lon_deg, lat_deg }: NonNullable<DroneGround["home"]>): GeoJSON.Point {
  return { type: "Point", coordinates: [lon_deg, lat_deg] };
}
