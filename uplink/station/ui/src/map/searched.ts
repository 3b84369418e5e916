// Ground that a camera has seen, as colours that fade with age. Pure, but for the unpacking.

import type { SearchedGround } from "../messages.ts";

/** Up to so old, and how strong it is drawn. Told apart by strength alone, in one colour. */
export const AGES: readonly { upTo_s: number; strength: number }[] = [
  { upTo_s: 5 * 60, strength: 0.5 },
  { upTo_s: 15 * 60, strength: 0.36 },
  { upTo_s: 60 * 60, strength: 0.24 },
  { upTo_s: Infinity, strength: 0.13 },
];

export async function cellsOf(ground: SearchedGround): Promise<Uint8Array> {
  const packed = Uint8Array.from(atob(ground.cells), (char) => char.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const cells = new Uint8Array(await new Response(unpacked).arrayBuffer());
  if (cells.length !== ground.columns * ground.rows) throw new Error("the cells do not fill the raster");
  return cells;
}

export function strengthAt(age_s: number): number {
  return (AGES.find(({ upTo_s }) => age_s <= upTo_s) ?? { strength: 0 }).strength;
}

/** Red, green, blue and alpha of each cell, as `now` (ms since 1970) sees it. */
export function pixelsOf(
  { began, slot_s }: SearchedGround,
  cells: Uint8Array,
  now: number,
  [red, green, blue]: readonly [number, number, number],
): Uint8ClampedArray<ArrayBuffer> {
  const began_s = Date.parse(began) / 1000;
  const alphas = Array.from({ length: 256 }, (_, value) => {
    if (value === 0) return 0;
    return Math.round(255 * strengthAt(now / 1000 - began_s - (value - 1) * slot_s));
  });
  const pixels = new Uint8ClampedArray(4 * cells.length);
  cells.forEach((value, i) => pixels.set([red, green, blue, alphas[value] ?? 0], 4 * i));
  return pixels;
}

export function rgbOf(hex: string): [number, number, number] {
  const full = hex.length === 4 ? hex.replace(/[0-9a-f]/gi, "$&$&") : hex;
  const value = parseInt(full.slice(1), 16);
  return [(value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff];
}

/** North-west, north-east, south-east, south-west, as an image on the map wants them. */
export function cornersOf({ west_deg, south_deg, east_deg, north_deg }: SearchedGround): [
  [number, number], [number, number], [number, number], [number, number],
] {
  return [[west_deg, north_deg], [east_deg, north_deg], [east_deg, south_deg], [west_deg, south_deg]];
}
