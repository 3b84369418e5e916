// Coordinates in the notations that people read out over the radio, and back from what they type. Pure.

import { forward, toPoint } from "mgrs/dist/mgrs.esm.js";
import { fromGcj02, inChina, toGcj02, type LatLon } from "./gcj02.ts";
import { fromUtm, toUtm } from "./utm.ts";

export const NOTATIONS = ["wgs84", "dms", "mgrs", "utm", "gcj02"] as const;
export type Notation = (typeof NOTATIONS)[number];

/** Null where there is none: UTM and MGRS end near the poles, GCJ-02 is for China. */
export function written(place: LatLon, notation: Notation): string | null {
  switch (notation) {
    case "wgs84":
      return decimal(place);
    case "dms":
      return `${dms(place.lat_deg, "N", "S")} ${dms(place.lon_deg, "E", "W")}`;
    case "mgrs":
      return toUtm(place) ? spaced(forward([wrapped(place.lon_deg), place.lat_deg])) : null;
    case "utm": {
      const utm = toUtm(place);
      return utm && `${utm.zone}${utm.band} ${Math.round(utm.east_m)} ${Math.round(utm.north_m)}`;
    }
    case "gcj02":
      return inChina(place) ? decimal(toGcj02(place)) : null;
  }
}

/** What somebody typed: two numbers, degrees with minutes and seconds, MGRS or UTM; null if it is none.
 *  `gcj02`: two numbers are in that datum. */
export function parsed(text: string, gcj02 = false): LatLon | null {
  const clean = text
    .trim()
    .toUpperCase()
    .replace("−", "-")
    .replace(/(\d),(\d+\s*;?\s+[-+]?\d+),(\d)/, "$1.$2.$3") // commas for points, as much of Europe writes
    .replace(/[，、;]/g, ",");
  const place = asUtm(clean) ?? asMgrs(clean) ?? asDegrees(clean);
  if (!place || !(Math.abs(place.lat_deg) <= 90 && Math.abs(place.lon_deg) <= 180)) return null;
  return gcj02 && !asMgrs(clean) && !asUtm(clean) ? fromGcj02(place) : place;
}

function decimal({ lat_deg, lon_deg }: LatLon): string {
  return `${lat_deg.toFixed(5)}, ${wrapped(lon_deg).toFixed(5)}`;
}

function dms(value: number, positive: string, negative: string): string {
  const tenths = Math.round(Math.abs(value) * 36_000);
  const [degrees, minutes, seconds] = [Math.floor(tenths / 36_000), Math.floor(tenths / 600) % 60, (tenths % 600) / 10];
  const two = (part: number, digits = 0): string => part.toFixed(digits).padStart(digits ? 4 : 2, "0");
  return `${degrees}°${two(minutes)}′${two(seconds, 1)}″${value < 0 ? negative : positive}`;
}

function spaced(mgrs: string): string {
  const parts = /^(\d{1,2}[A-Z])([A-Z]{2})(\d*)$/.exec(mgrs);
  if (!parts) return mgrs;
  const digits = parts[3] ?? "";
  return `${parts[1]} ${parts[2]} ${digits.slice(0, digits.length / 2)} ${digits.slice(digits.length / 2)}`;
}

function asMgrs(text: string): LatLon | null {
  const bare = text.replace(/[\s,]/g, "");
  if (!/^\d{1,2}[C-HJ-NP-X][A-HJ-NP-Z]{2}(\d\d){0,5}$/.test(bare)) return null;
  try {
    const [lon_deg, lat_deg] = toPoint(bare);
    return Number.isFinite(lat_deg) && Number.isFinite(lon_deg) ? { lat_deg, lon_deg } : null;
  } catch {
    return null;
  }
}

function asUtm(text: string): LatLon | null {
  const parts = /^(\d{1,2})\s*([C-HJ-NP-X])[\s,]+(\d{5,6}(?:\.\d+)?)\s*M?E?[\s,]+(\d{1,8}(?:\.\d+)?)\s*M?N?$/.exec(text);
  const zone = Number(parts?.[1]);
  if (!parts || zone < 1 || zone > 60) return null;
  return fromUtm({ zone, band: parts[2] ?? "", east_m: Number(parts[3]), north_m: Number(parts[4]) });
}

function asDegrees(text: string): LatLon | null {
  const halves = splitInTwo(text);
  if (!halves) return null;
  const [first, second] = halves.map(angle);
  if (!first || !second) return null;
  // Whoever names the sides may say them in either order.
  const swapped = first.side === "E" || first.side === "W" || second.side === "N" || second.side === "S";
  const [lat, lon] = swapped ? [second, first] : [first, second];
  if (lat.side === "E" || lat.side === "W" || lon.side === "N" || lon.side === "S") return null;
  return { lat_deg: lat.value, lon_deg: lon.value };
}

function splitInTwo(text: string): string[] | null {
  const byComma = text.split(",").map((half) => half.trim()).filter(Boolean);
  if (byComma.length === 2) return byComma;
  const bySide = /^(.*?[NSEW])\s*(.*[NSEW])$/.exec(text) ?? /^([NSEW].*?)\s*([NSEW].*)$/.exec(text);
  if (bySide) return [bySide[1] ?? "", bySide[2] ?? ""];
  const words = text.split(/\s+/);
  return words.length % 2 === 0 ? [words.slice(0, words.length / 2).join(" "), words.slice(words.length / 2).join(" ")] : null;
}

function angle(text: string): { value: number; side: string } | null {
  const side = /[NSEW]/.exec(text)?.[0] ?? "";
  const rest = text.replace(/[NSEW]/, "").replace(/[°º'′’"″”]/g, " ").trim();
  if (!/^[-+]?\d+(\.\d+)?(\s+\d+(\.\d+)?){0,2}$/.test(rest)) return null;
  const parts = rest.split(/\s+/).map(Number);
  const [degrees = NaN, minutes = 0, seconds = 0] = parts;
  if (minutes >= 60 || seconds >= 60) return null;
  const size = Math.abs(degrees) + minutes / 60 + seconds / 3600;
  const negative = rest.startsWith("-") !== (side === "S" || side === "W");
  return { value: negative ? -size : size, side };
}

function wrapped(lon_deg: number): number {
  return ((((lon_deg + 180) % 360) + 360) % 360) - 180;
}
