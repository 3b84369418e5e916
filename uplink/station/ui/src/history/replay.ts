// A flight at any of its moments: where the drone was, what it did, what had happened until then. Pure.

import type { LonLat } from "../messages.ts";
import type { FlightDetail, FlightPoint, FlightRecord } from "./flights.ts";

/** As the station has it: a longer time between two points is one in which the drone was not heard. */
const GAP_S = 75;

export interface Moment {
  /** The point that was told last. */
  readonly point: FlightPoint;
  readonly place: LonLat | null;
  readonly headingDeg: number | null;
  readonly aglM: number | null;
  readonly homeM: number | null;
  readonly amslM: number | null;
  /** The drone is not heard now: all of it is from before. */
  readonly unheard: boolean;
}

export interface Span {
  readonly fromS: number;
  readonly toS: number;
  readonly kind: "blind" | "degraded" | "gap";
}

export type HappeningKind = "alert" | "order" | "mode" | "control" | "restart" | "clock";

export interface Happening {
  readonly atS: number;
  readonly kind: HappeningKind;
  /** Of an alert or an order; of anything else where it stands in the list of its kind. */
  readonly id: string;
  readonly label: string;
}

/** The index of the last point at or before a time; -1 before the first. */
export function indexAt(points: readonly FlightPoint[], atS: number): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle]!.after_s <= atS) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function momentAt(points: readonly FlightPoint[], atS: number): Moment | null {
  const index = Math.max(0, indexAt(points, atS));
  const point = points[index];
  if (!point) return null;
  const next = points[index + 1];
  const spanS = next ? next.after_s - point.after_s : 0;
  const share = next && spanS > 0 && spanS <= GAP_S ? Math.min(1, Math.max(0, (atS - point.after_s) / spanS)) : 0;
  const between = (a: number | null, b: number | null | undefined): number | null =>
    a === null || b === null || b === undefined ? a : a + (b - a) * share;
  return {
    point,
    place: placeBetween(point, next, share),
    headingDeg: turned(point.heading_deg, next?.heading_deg ?? null, share),
    aglM: between(point.height_agl_m, next?.height_agl_m),
    homeM: between(point.height_home_m, next?.height_home_m),
    amslM: between(point.alt_amsl_m, next?.alt_amsl_m),
    unheard: spanS > GAP_S && atS > point.after_s + 1,
  };
}

/** The way until then in parts, each without a gap; the last ends where the drone is. */
export function wayUntil(points: readonly FlightPoint[], atS: number): LonLat[][] {
  const last = indexAt(points, atS);
  const parts = unbroken(points.slice(0, last + 1));
  const moment = momentAt(points, atS);
  if (moment?.place && !moment.unheard) parts.at(-1)?.push(moment.place);
  return parts.filter((part) => part.length > 1);
}

/** All of it. */
export function wholeWay(points: readonly FlightPoint[]): LonLat[][] {
  return unbroken(points).filter((part) => part.length > 1);
}

/** When it was not heard, did not see, or saw worse than it was set up to; the first first. */
export function spansOf(points: readonly FlightPoint[], flight: FlightRecord): Span[] {
  const spans: Span[] = flight.gaps.map(({ from_s, to_s }) => ({ fromS: from_s, toS: to_s, kind: "gap" }));
  let open: { readonly fromS: number; readonly kind: "blind" | "degraded" } | null = null;
  for (const [index, point] of points.entries()) {
    const before = points[index - 1];
    const broken = before !== undefined && point.after_s - before.after_s > GAP_S;
    if (open !== null && (broken || point.seeing !== open.kind)) {
      spans.push({ ...open, toS: broken ? before.after_s : point.after_s });
      open = null;
    }
    if (point.seeing !== "seeing") open ??= { fromS: point.after_s, kind: point.seeing };
  }
  if (open !== null) spans.push({ ...open, toS: flight.duration_s });
  return spans.sort((a, b) => a.fromS - b.fromS);
}

/** What happened, the first first. */
export function happeningsOf(points: readonly FlightPoint[], flight: FlightDetail): Happening[] {
  const startedMs = Date.parse(flight.started_at);
  const found: Happening[] = [
    ...flight.raised.map(({ after_s, alert }): Happening => ({ atS: after_s, kind: "alert", id: alert.id, label: alert.label })),
    ...flight.orders.map((order): Happening => ({
      atS: (Date.parse(order.at) - startedMs) / 1000,
      kind: "order",
      id: order.id,
      label: order.kind,
    })),
    ...flight.restarts_s.map((atS, number): Happening => ({ atS, kind: "restart", id: `${number}`, label: "" })),
    ...flight.clock_leaps.map(({ at_s, whose }, number): Happening => ({ atS: at_s, kind: "clock", id: `${number}`, label: whose })),
  ];
  for (const [index, point] of points.entries()) {
    const before = points[index - 1];
    if (point.mode && point.mode !== before?.mode) {
      found.push({ atS: point.after_s, kind: "mode", id: `${point.id}`, label: point.mode });
    }
    if (before?.control && point.control && point.control !== before.control) {
      found.push({ atS: point.after_s, kind: "control", id: `${point.id}`, label: point.control });
    }
  }
  return found
    .map((one) => ({ ...one, atS: Math.min(Math.max(one.atS, 0), flight.duration_s) }))
    .sort((a, b) => a.atS - b.atS || (a.id < b.id ? -1 : 1));
}

/** A line for a chart: x from 0 to `wide` over the flight, y from `high` at 0 to 0 at `most`. Broken where a
 * value is not known, and in gaps. */
export function chartPath(
  points: readonly FlightPoint[],
  value: (point: FlightPoint) => number | null,
  size: { readonly durationS: number; readonly most: number; readonly wide: number; readonly high: number },
): string {
  const { durationS, most, wide, high } = size;
  let path = "";
  let before: FlightPoint | null = null;
  for (const point of points) {
    const known = value(point);
    if (known === null || durationS <= 0 || most <= 0) {
      before = null;
      continue;
    }
    const x = ((point.after_s / durationS) * wide).toFixed(1);
    const y = (high - (Math.min(Math.max(known, 0), most) / most) * high).toFixed(1);
    path += `${before && point.after_s - before.after_s <= GAP_S ? "L" : "M"}${x} ${y}`;
    before = point;
  }
  return path;
}

/** The largest of 1, 2, 5, 10 … times a power of ten that is not below: the upper end of a chart. */
export function niceCeiling(value: number): number {
  if (!(value > 0)) return 10;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999) ?? 10 * power;
}

/** One tick of the player: where the playhead is next, and whether it goes on. */
export function advance(atS: number, elapsedMs: number, speed: number, durationS: number): { atS: number; goesOn: boolean } {
  const next = atS + (elapsedMs / 1000) * speed;
  return next >= durationS ? { atS: durationS, goesOn: false } : { atS: next, goesOn: true };
}

const STEP_S = 5;
const STRIDE_S = 60;

/** Where a key of a slider leads; null for a key that it does not know. */
export function stepped(key: string, shift: boolean, atS: number, durationS: number): number | null {
  const by: Record<string, number> = {
    ArrowLeft: -(shift ? STRIDE_S : STEP_S),
    ArrowDown: -(shift ? STRIDE_S : STEP_S),
    ArrowRight: shift ? STRIDE_S : STEP_S,
    ArrowUp: shift ? STRIDE_S : STEP_S,
    PageDown: -STRIDE_S,
    PageUp: STRIDE_S,
    Home: -Infinity,
    End: Infinity,
  };
  const step = by[key];
  return step === undefined ? null : Math.min(Math.max(atS + step, 0), durationS);
}

function unbroken(points: readonly FlightPoint[]): LonLat[][] {
  const parts: LonLat[][] = [[]];
  let before: FlightPoint | null = null;
  for (const point of points) {
    if (point.lon_deg === null || point.lat_deg === null) continue;
    if (before && point.after_s - before.after_s > GAP_S) parts.push([]);
    parts.at(-1)!.push([point.lon_deg, point.lat_deg]);
    before = point;
  }
  return parts;
}

function placeBetween(a: FlightPoint, b: FlightPoint | undefined, share: number): LonLat | null {
  if (a.lon_deg === null || a.lat_deg === null) return null;
  if (!b || b.lon_deg === null || b.lat_deg === null) return [a.lon_deg, a.lat_deg];
  const east = ((b.lon_deg - a.lon_deg + 540) % 360) - 180; // the short way, across 180° too
  return [a.lon_deg + east * share, a.lat_deg + (b.lat_deg - a.lat_deg) * share];
}

function turned(a: number | null, b: number | null, share: number): number | null {
  if (a === null || b === null) return a;
  return (a + ((((b - a + 540) % 360) - 180) * share) + 360) % 360;
}
