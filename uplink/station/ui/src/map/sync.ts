// Brings layers and their sources on the map to what they should be, and leaves alone what is right already.

import type { LayerSpecification, Map as MapView, SourceSpecification } from "maplibre-gl";

export interface Wanted {
  /** By id. */
  sources: Record<string, SourceSpecification>;
  /** The lowest first. */
  layers: LayerSpecification[];
}

export const NOTHING_WANTED: Wanted = { sources: {}, layers: [] };

/** `before`: what was wanted last; `below`: the layer that all of these lie below. */
export function sync(map: MapView, before: Wanted, now: Wanted, below: string): void {
  const shape = ({ layers }: Wanted): string => JSON.stringify(layers.map(({ paint: _, ...rest }) => rest));
  if (shape(before) === shape(now) && same(before.sources, now.sources)) {
    repaint(map, now.layers);
    return;
  }
  for (const { id } of before.layers) if (map.getLayer(id)) map.removeLayer(id);
  for (const [id, source] of Object.entries(before.sources)) {
    if (!same(source, now.sources[id]) && map.getSource(id)) map.removeSource(id);
  }
  for (const [id, source] of Object.entries(now.sources)) if (!map.getSource(id)) map.addSource(id, source);
  for (const layer of now.layers) map.addLayer(layer, below);
}

/** The same layers in other colours. */
export function repaint(map: MapView, layers: readonly LayerSpecification[]): void {
  for (const { id, paint } of layers) {
    if (!map.getLayer(id)) continue;
    for (const [name, value] of Object.entries(paint ?? {})) {
      map.setPaintProperty(id, name as Parameters<MapView["setPaintProperty"]>[1], value as never);
    }
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
