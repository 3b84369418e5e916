// A flight from the side, as paths to be drawn. Pure.

import type { ProfilePoint } from "./answers.ts";

export interface Profile {
  /** Of the flight. */
  line: string;
  /** Of the ground, closed at the bottom; a path for each stretch that is known. */
  ground: string[];
  lowest_m: number;
  highest_m: number;
  length_m: number;
}

export function profileOf(points: readonly ProfilePoint[], width: number, height: number): Profile | null {
  if (points.length < 2) return null;
  const grounds = points.flatMap(({ ground_amsl_m }) => (ground_amsl_m === null ? [] : [ground_amsl_m]));
  const heights = [...points.map((point) => point.alt_amsl_m), ...grounds];
  const [low, high] = [Math.min(...heights), Math.max(...heights)];
  const room = Math.max(high - low, 10) * 0.06;
  const [bottom, top] = [low - room, Math.max(high, low + 10) + room];
  const length = Math.max(points.at(-1)!.along_m, 1);
  const x = (along: number): string => ((along / length) * width).toFixed(1);
  const y = (alt: number): string => (height - ((alt - bottom) / (top - bottom)) * height).toFixed(1);
  const ground: string[] = [];
  let stretch: ProfilePoint[] = [];
  const close = (): void => {
    if (stretch.length > 1) {
      const edge = stretch.map((point) => `${x(point.along_m)},${y(point.ground_amsl_m!)}`).join("L");
      ground.push(`M${x(stretch[0]!.along_m)},${height}L${edge}L${x(stretch.at(-1)!.along_m)},${height}Z`);
    }
    stretch = [];
  };
  for (const point of points) {
    if (point.ground_amsl_m === null) close();
    else stretch.push(point);
  }
  close();
  const line = `M${points.map((point) => `${x(point.along_m)},${y(point.alt_amsl_m)}`).join("L")}`;
  return { line, ground, lowest_m: low, highest_m: high, length_m: length };
}
