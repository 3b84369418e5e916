// What a person may ask of a drone now, and why not. Pure. The drone decides for itself again.

import type { Key } from "./i18n.ts";
import type { DroneState, OrderKind, PatrolPhase } from "./messages.ts";
import type { LeaseState, LoggedOrder, OperatorState } from "./station.ts";

export type Holding = "mine" | "other" | "free";

export function holding(lease: LeaseState | undefined, operator: OperatorState | null): Holding {
  if (!lease || lease.holder === null) return "free";
  return operator?.tag != null && lease.holder_tag === operator.tag ? "mine" : "other";
}

/** Empty texts: it may be ordered. `detail` is the drone's own word and comes as it is, after `why`. */
export interface Permit {
  why: Key | "";
  detail: string;
}

/** Why not, in the words of the page and of the drone; empty when it may be ordered. */
export function reasonOf(permit: Permit, t: (key: Key) => string): string {
  return [permit.why && t(permit.why), permit.detail].filter(Boolean).join(": ");
}

export const YES: Permit = { why: "", detail: "" };

export function may(permit: Permit): boolean {
  return permit.why === "" && permit.detail === "";
}

const PHASES: Partial<Record<OrderKind, readonly PatrolPhase[]>> = {
  start: ["waiting", "ready", "done"],
  pause: ["flying", "looking again", "returning"],
  resume: ["paused", "interrupted"],
};

export interface Circumstances {
  holding: Holding;
  heard: boolean;
  /** Of this drone. */
  orders: readonly LoggedOrder[];
}

export function permit(kind: OrderKind, state: DroneState, now: Circumstances): Permit {
  if (kind === "stand down") return YES;
  if (now.holding !== "mine") return no("whyLease");
  if (!now.heard) return no("whyNotHeard");
  if (now.orders.some((order) => order.kind === kind && order.fate === "waiting")) return no("whyUnderWay");
  switch (kind) {
    case "grant":
      return grant(state);
    case "revoke":
      return state.control === "granted" ? YES : no("whyGrantFirst");
    case "no look":
      return YES;
    case "look again":
      return state.control === "granted" ? YES : no("whyGrantFirst");
    default:
      return patrol(kind, state);
  }
}

function grant(state: DroneState): Permit {
  if (state.control === "granted") return no("whyGranted");
  if (state.control === "read only") return no("whyReadOnly");
  return { why: "", detail: state.veto || state.objection };
}

function patrol(kind: "start" | "pause" | "resume", state: DroneState): Permit {
  if (state.control !== "granted") return no("whyGrantFirst");
  if (!state.patrol) return no("whyNoPatrol");
  if (!PHASES[kind]?.includes(state.patrol.phase)) return no("whyPhase");
  if (kind === "pause") return YES;
  if (state.patrol.plan_matches === false) return no("whyPlan");
  const failed = state.preflight.find((line) => line.passed === false);
  if (kind === "start" && failed) return { why: "whyPreflight", detail: `${failed.name}: ${failed.detail}` };
  return YES;
}

function no(why: Key): Permit {
  return { why, detail: "" };
}

const IDLE_MS = 300_000;
const IDLE_WHEN_ASKED_MS = 30_000;

/** A page that nobody uses lets its control run out, and sooner when somebody else asks for it. */
export function renews(lease: LeaseState, operator: OperatorState | null, idleMs: number): boolean {
  return holding(lease, operator) === "mine" && idleMs < (lease.asking === null ? IDLE_MS : IDLE_WHEN_ASKED_MS);
}
