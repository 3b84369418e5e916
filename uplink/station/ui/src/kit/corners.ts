// Corners of an area as people write them. Pure.

import type { LonLat } from "../messages.ts";

const HALVES: Readonly<Record<string, number>> = { n: 1, e: 1, s: -1, w: -1 };

/** "47.05", "47,05", "47.05 N", "−8.3": degrees within ± `most`; null for anything else. */
export function degreesOf(text: string, most: 90 | 180): number | null {
  const found = /^([+-]?)(\d{1,3}(?:[.,]\d+)?)\s*°?\s*([nsew]?)$/i.exec(text.trim().replace("−", "-"));
  if (!found) return null;
  const [, sign = "", digits = "", half = ""] = found;
  const axis = most === 90 ? "ns" : "ew";
  if (half && (sign || !axis.includes(half.toLowerCase()))) return null;
  const value = Number(digits.replace(",", ".")) * (sign === "-" ? -1 : 1) * (HALVES[half.toLowerCase()] ?? 1);
  return Math.abs(value) <= most ? value : null;
}

/** "47.05, 8.3" or "47.05 8.3": latitude first, as maps say it; null where it is not a pair. */
export function pairOf(text: string): LonLat | null {
  const parts = text.trim().split(/\s*[;\t]\s*|,\s+|\s+(?=[+\-−\d])/);
  if (parts.length !== 2) return null;
  const [lat, lon] = [degreesOf(parts[0] ?? "", 90), degreesOf(parts[1] ?? "", 180)];
  return lat === null || lon === null ? null : [lon, lat];
}

/** Seven digits are a centimetre. */
export function degreesText(value: number): string {
  return String(Math.round(value * 1e7) / 1e7);
}
