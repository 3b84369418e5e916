// Corners of an area as people read them. Pure.

import type { LonLat } from "../messages.ts";

/** Latitude first, as maps say it. Six digits are a decimetre. */
export function cornerText([lon, lat]: LonLat): string {
  return `${lat.toFixed(6)}, ${lon.toFixed(6)}`;
}
