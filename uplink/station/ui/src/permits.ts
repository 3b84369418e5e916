// What a person may ask of a drone now, and why not. Pure. The drone decides for itself again.

import type { Key } from "./i18n.ts";
import type { DroneState, OrderKind, PatrolPhase } from "./messages.ts";
import type { LeaseState, LoggedOrder, SessionState } from "./station.ts";

export type Holding = "mine" | "other" | "free";

export function holding(lease: LeaseState | undefined, session: SessionState | null): Holding {
  if (!lease || lease.holder === null) return "free";
  return isMe(session, lease.holder, lease.holder_tag) ? "mine" : "other";
}

/** By both: two pages of one person are two, and so are two people one after the other at one page. */
export function isMe(session: SessionState | null, name: string | null, tag: string | null): boolean {
  return session?.tag != null && session.tag === tag && session.name === name;
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

/** Whether this person may order anything at all. */
export function mayOrder(session: SessionState | null): Permit {
  return session?.role === "viewer" ? no("whyRole") : YES;
}

const PHASES: Partial<Record<OrderKind, readonly PatrolPhase[]>> = {
  start: ["waiting", "ready", "done"],
  pause: ["flying", "looking again", "returning"],
  resume: ["paused", "interrupted"],
  "look at": ["flying"],
};

export interface Circumstances {
  /** By `mayOrder`. */
  role: Permit;
  holding: Holding;
  heard: boolean;
  /** Of this drone. */
  orders: readonly LoggedOrder[];
}

export function permit(kind: OrderKind, state: DroneState, now: Circumstances): Permit {
  if (!may(now.role)) return now.role;
  if (kind === "stand down") return YES;
  if (now.holding !== "mine") return no("whyLease");
  if (!now.heard) return no("whyNotHeard");
  if (now.orders.some((order) => order.kind === kind && order.fate === "waiting" && !order.only_check)) return no("whyUnderWay");
  switch (kind) {
    case "grant":
      return grant(state);
    case "revoke":
      return state.control === "granted" ? YES : no("whyGrantFirst");
    case "no look":
      return YES;
    case "look again":
      return state.control === "granted" ? YES : no("whyGrantFirst");
    case "look at":
      return state.fixed ? no("whyFixed") : patrol(kind, state);
    case "load patrol":
      return load(state);
    case "start":
    case "pause":
    case "resume":
      return patrol(kind, state);
    default:
      return inTheAir(kind, state);
  }
}

/** What takes the drone somewhere: patrol or none. Where to, the drone itself checks. */
function inTheAir(kind: OrderKind, state: DroneState): Permit {
  if (state.fixed) return no("whyFixed");
  if (state.control !== "granted") return no("whyGrantFirst");
  if (!state.armed) return no("whyOnGround");
  if (kind !== "return" && state.position === null) return no("whyNoPosition");
  if (kind === state.sent?.kind && (kind === "return" || kind === "land")) return no("whyDoesThat");
  return YES;
}

function grant(state: DroneState): Permit {
  if (state.control === "granted") return no("whyGranted");
  if (state.control === "read only") return no("whyReadOnly");
  return { why: "", detail: state.veto || state.objection };
}

function load(state: DroneState): Permit {
  if (state.fixed) return no("whyFixed");
  if (state.control !== "granted") return no("whyGrantFirst");
  return state.armed === true ? no("whyInTheAir") : YES;
}

function patrol(kind: "start" | "pause" | "resume" | "look at", state: DroneState): Permit {
  if (state.control !== "granted") return no("whyGrantFirst");
  if (!state.patrol) return no("whyNoPatrol");
  if (!PHASES[kind]?.includes(state.patrol.phase)) return no("whyPhase");
  if (kind === "pause" || kind === "look at") return YES;
  if (state.patrol.plan_matches === false) return no("whyPlan");
  const failed = state.preflight.find((line) => line.passed === false);
  if (kind === "start" && failed) return { why: "whyPreflight", detail: `${failed.name}: ${failed.detail}` };
  return YES;
}

function no(why: Key): Permit {
  return { why, detail: "" };
}

/** Which drone would be sent to a place: one that may be, the nearest of them; else the one in hand, or none. */
export function droneFor<D extends { readonly state: DroneState }>(
  drones: readonly D[],
  inHand: D | null,
  distance_m: (drone: D) => number,
  allowed: (drone: D) => Permit,
): D | null {
  const flying = drones.filter(({ state }) => !state.fixed);
  const [nearest] = flying.filter((drone) => may(allowed(drone))).sort((a, b) => distance_m(a) - distance_m(b));
  return nearest ?? (inHand && !inHand.state.fixed ? inHand : null) ?? flying[0] ?? null;
}

const IDLE_MS = 300_000;
const IDLE_WHEN_ASKED_MS = 30_000;

/** A page that nobody uses lets its control run out, and sooner when somebody else asks for it. */
export function renews(lease: LeaseState, session: SessionState | null, idleMs: number): boolean {
  return holding(lease, session) === "mine" && idleMs < (lease.asking === null ? IDLE_MS : IDLE_WHEN_ASKED_MS);
}
