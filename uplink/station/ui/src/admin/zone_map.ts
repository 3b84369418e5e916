// What the map shows beside the ground and the zones while one is drawn. Pure.

import type { ExpressionSpecification, LayerSpecification } from "maplibre-gl";
import type { Palette } from "../map/palette.ts";
import type { LonLat } from "../messages.ts";
import type { World } from "../state.ts";

export const AROUND = "around";
const DIGITS = 1e7; // about a centimetre; the drawing tool takes no more than nine

/** Of drones and of what burns. */
export function aroundLayer(colours: Palette): LayerSpecification {
  const kind: ExpressionSpecification = ["get", "kind"];
  const tone: ExpressionSpecification = ["match", kind, "fire", colours.fire, "smoke", colours.smoke, colours.air];
  return {
    id: AROUND,
    type: "circle",
    source: AROUND,
    paint: { "circle-color": tone, "circle-radius": 6, "circle-stroke-color": colours.halo, "circle-stroke-width": 2 },
  };
}

export function aroundFeatures(world: Pick<World, "alerts" | "drones">): GeoJSON.FeatureCollection {
  const features: GeoJSON.Feature[] = [];
  const add = (kind: string, place: { lat_deg: number; lon_deg: number } | null): void => {
    if (!place) return;
    const geometry = { type: "Point" as const, coordinates: [place.lon_deg, place.lat_deg] };
    features.push({ type: "Feature", geometry, properties: { kind } });
  };
  for (const { position, label } of Object.values(world.alerts)) add(label, position);
  for (const { state } of Object.values(world.drones)) add("drone", state.position);
  return { type: "FeatureCollection", features };
}

/** The zone that is drawn, without the corner that closes it; null while there is none. */
export function ringOf(drawn: readonly GeoJSON.Feature[]): LonLat[] | null {
  const zone = drawn.find(({ geometry }) => geometry.type === "Polygon");
  if (zone?.geometry.type !== "Polygon") return null;
  return rounded((zone.geometry.coordinates[0] ?? []).slice(0, -1) as LonLat[]);
}

export function rounded(ring: readonly LonLat[]): LonLat[] {
  const digits = (value: number): number => Math.round(value * DIGITS) / DIGITS;
  // Drawn across the date line, longitudes go on past 180°.
  return ring.map(([lon, lat]) => [digits(((((lon + 180) % 360) + 360) % 360) - 180), digits(lat)]);
}
