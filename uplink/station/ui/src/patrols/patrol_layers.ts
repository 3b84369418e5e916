// How the map of a patrol looks, above everything of the common map. Pure.

import type { FilterSpecification, LayerSpecification, StyleSpecification } from "maplibre-gl";
import type { Palette } from "../map/palette.ts";
import { style } from "../map/style.ts";

export const PATROL_SOURCES = ["planned", "drawn"] as const;
export type PatrolSource = (typeof PATROL_SOURCES)[number];

export function patrolLayers({ air, bad, dim, halo, patrol, warn }: Palette): LayerSpecification[] {
  const kind = (...names: string[]): FilterSpecification => ["in", ["get", "kind"], ["literal", names]];
  const fill = (id: string, source: PatrolSource, colour: string, opacity: number): LayerSpecification => ({
    id: `draft-${id}`,
    type: "fill",
    source,
    filter: kind(id),
    paint: { "fill-color": colour, "fill-opacity": opacity },
  });
  const edge = (id: string, colour: string, dashes: number[] = [1]): LayerSpecification => ({
    id: `draft-${id}-edge`,
    type: "line",
    source: "drawn",
    filter: kind(id),
    layout: { "line-join": "round" },
    paint: { "line-color": colour, "line-width": 2.5, ...(dashes.length > 1 ? { "line-dasharray": dashes } : {}) },
  });
  return [
    fill("area", "drawn", patrol, 0.12),
    fill("no-fly", "drawn", bad, 0.18),
    fill("unseen", "planned", warn, 0.35),
    edge("area", patrol),
    edge("corridor", patrol),
    edge("fence", warn, [4, 2]),
    edge("no-fly", bad),
    {
      id: "draft-flight",
      type: "line",
      source: "planned",
      filter: kind("flight"),
      layout: { "line-join": "round" },
      paint: {
        "line-color": ["case", ["get", "faint"], dim, air],
        "line-width": ["case", ["get", "faint"], 1, 2],
        "line-opacity": 0.9,
      },
    },
    {
      id: "draft-problem",
      type: "circle",
      source: "planned",
      filter: kind("problem"),
      paint: { "circle-radius": 7, "circle-color": bad, "circle-stroke-color": halo, "circle-stroke-width": 2 },
    },
  ];
}

export function patrolStyle(colours: Palette, outline: string): StyleSpecification {
  const common = style(colours, outline);
  const empty = { type: "geojson" as const, data: { type: "FeatureCollection" as const, features: [] } };
  return {
    ...common,
    sources: { ...common.sources, ...Object.fromEntries(PATROL_SOURCES.map((name) => [name, empty])) },
    layers: [...common.layers, ...patrolLayers(colours)],
  };
}
