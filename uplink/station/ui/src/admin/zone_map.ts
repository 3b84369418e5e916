// What the map shows beside the ground and the zones while one is drawn. Pure.

import type { ExpressionSpecification, LayerSpecification } from "maplibre-gl";
import type { Palette } from "../map/palette.ts";
import type { World } from "../state.ts";

export const AROUND = "around";
export const DRAWN = "drawn";

/** The zone that is drawn, then drones and what burns. */
export function zoneLayers(colours: Palette): LayerSpecification[] {
  const kind: ExpressionSpecification = ["get", "kind"];
  const tone: ExpressionSpecification = ["match", kind, "fire", colours.fire, "smoke", colours.smoke, colours.air];
  return [
    { id: "drawn-area", type: "fill", source: DRAWN, paint: { "fill-color": colours.warn, "fill-opacity": 0.2 } },
    { id: "drawn-edge", type: "line", source: DRAWN, paint: { "line-color": colours.warn, "line-width": 2.5 } },
    {
      id: AROUND,
      type: "circle",
      source: AROUND,
      paint: { "circle-color": tone, "circle-radius": 6, "circle-stroke-color": colours.halo, "circle-stroke-width": 2 },
    },
  ];
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
