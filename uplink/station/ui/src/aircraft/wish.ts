// Where a drone is to be sent, while somebody makes up their mind; and what its own check says of that. Pure.

import type { Key } from "../i18n.ts";
import type { ErrorEllipse, HeightAbove, Position } from "../messages.ts";
import type { LoggedOrder } from "../station.ts";
import { YES, type Permit } from "../permits.ts";

export const SEND_KINDS = ["go to", "orbit", "look at", "change height"] as const;
export type SendKind = (typeof SEND_KINDS)[number];

/** As the station takes it. */
export interface OrderWish {
  kind: SendKind | "land";
  place?: Position;
  radius_m?: number;
  height_m?: number;
  height_above?: HeightAbove;
  only_check?: boolean;
}

export interface Draft {
  kind: SendKind;
  place: Position | null;
  height_m: number | null;
  above: HeightAbove;
  radius_m: number | null;
}

const LEAST_ORBIT_M = 80;
const LEAST_LOOK_M = 20;
const BEYOND_M = 60; // of a fire's own ellipse: what a drone keeps off at the least

/** What a circle around a place begins with: off the fire, and around all of where it may be. */
export function firstRadius(kind: SendKind, ellipse: ErrorEllipse | null): number {
  const wide_m = ellipse?.semi_major_m ?? 0;
  const radius_m = kind === "orbit" ? Math.max(LEAST_ORBIT_M, wide_m + BEYOND_M) : Math.max(LEAST_LOOK_M, wide_m);
  return Math.min(5000, Math.ceil(radius_m / 10) * 10);
}

/** What the draft still wants, in the order of the sheet. */
export function missingOf({ kind, place, height_m, radius_m }: Draft): Key | null {
  if (kind !== "change height" && place === null) return "whyNoPlace";
  if (kind !== "look at" && height_m === null) return "whyNoHeight";
  if ((kind === "orbit" || kind === "look at") && radius_m === null) return "whyNoRadius";
  return null;
}

/** The order that a draft comes to; null while something is missing. */
export function wishOf({ kind, place, height_m, above, radius_m }: Draft): OrderWish | null {
  const height = height_m === null ? null : { height_m, height_above: above };
  switch (kind) {
    case "go to":
      return place && height && { kind, place, ...height };
    case "orbit":
      return place && height && radius_m !== null ? { kind, place, radius_m, ...height } : null;
    case "look at":
      return place && radius_m !== null ? { kind, place, radius_m } : null;
    case "change height":
      return height && { kind, ...height };
  }
}

export type Check = { state: "none" | "asking" | "unheard" } | { state: "would" | "would not"; words: string };

/** What a check has come to. `asked`: it is on its way to the station, or with it. */
export function checkOf(order: LoggedOrder | undefined, asked: boolean): Check {
  if (!order) return { state: asked ? "asking" : "none" };
  if (order.fate === "waiting" || order.fate === "accepted") return { state: "asking" };
  if (order.fate === "done") return { state: "would", words: order.reason };
  if (order.fate === "refused") return { state: "would not", words: order.reason };
  return { state: "unheard" };
}

/** Together: what the page knows against it, then what the drone says. A check that nobody answered keeps
    nobody from sending it: the drone checks once more. */
export function sendPermit(permit: Permit, missing: Key | null, check: Check): Permit {
  if (permit.why || permit.detail) return permit;
  if (missing) return { why: missing, detail: "" };
  if (check.state === "asking") return { why: "whyAsking", detail: "" };
  if (check.state === "would not") return { why: "whyDroneWouldNot", detail: check.words };
  return YES;
}
