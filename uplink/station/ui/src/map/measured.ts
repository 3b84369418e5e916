// What is measured, as the map draws it. Pure.

import type { LonLat } from "../messages.ts";

export function measuredFeatures(points: readonly LonLat[]): GeoJSON.FeatureCollection {
  const shapes: GeoJSON.Geometry[] = points.map((at) => ({ type: "Point", coordinates: at }));
  if (points.length > 1) shapes.unshift({ type: "LineString", coordinates: [...points] });
  if (points.length > 2) shapes.unshift({ type: "Polygon", coordinates: [[...points, points[0] as LonLat]] });
  return {
    type: "FeatureCollection",
    features: shapes.map((geometry) => ({ type: "Feature", geometry, properties: {} })),
  };
}
