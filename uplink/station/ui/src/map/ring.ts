// Corners around an area or along a line, and what dragging one does to them. Pure.

import type { LonLat } from "../messages.ts";

/** A change that is one way of a hand, however slowly it goes, begins with this. */
export const DRAG = "drag ";

const DIGITS = 1e7; // about a centimetre

export function withCorner(ring: readonly LonLat[], index: number, at: LonLat): LonLat[] {
  return ring.map((corner, other) => (other === index ? rounded(at) : corner));
}

export function withNewCorner(ring: readonly LonLat[], index: number, at: LonLat): LonLat[] {
  return [...ring.slice(0, index), rounded(at), ...ring.slice(index)];
}

export function withoutCorner(ring: readonly LonLat[], index: number): LonLat[] {
  return ring.filter((_, other) => other !== index);
}

/** Between each corner and the next, and the last and the first where it is closed. */
export function middlesOf(ring: readonly LonLat[], closed = true): LonLat[] {
  const sides = closed && ring.length > 2 ? ring : ring.slice(0, -1);
  return sides.map(([lon, lat], index) => {
    const [nextLon, nextLat] = ring[(index + 1) % ring.length] as LonLat;
    return [lon + turned(nextLon - lon) / 2, (lat + nextLat) / 2];
  });
}

/** As a polygon that a map draws: closed, and over the date line in one piece. */
export function polygonOf(ring: readonly LonLat[]): GeoJSON.FeatureCollection {
  const [first] = ring;
  if (!first) return { type: "FeatureCollection", features: [] };
  const closed = [...ring, first].map(([lon, lat]) => [first[0] + turned(lon - first[0]), lat]);
  const geometry: GeoJSON.Geometry =
    ring.length < 3 ? { type: "LineString", coordinates: closed } : { type: "Polygon", coordinates: [closed] };
  return { type: "FeatureCollection", features: [{ type: "Feature", geometry, properties: {} }] };
}

/** Drawn across the date line, longitudes go on past 180°. */
export function rounded([lon, lat]: LonLat): LonLat {
  return [Math.round(turned(lon) * DIGITS) / DIGITS, Math.round(lat * DIGITS) / DIGITS];
}

function turned(deg: number): number {
  return ((((deg + 180) % 360) + 360) % 360) - 180;
}
