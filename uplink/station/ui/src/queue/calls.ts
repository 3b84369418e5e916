// What calls for somebody: which kinds of call there are now, which are news, and which is to be heard. Pure.

import type { HeardDrone, World } from "../state.ts";
import type { Incident } from "../station.ts";
import { isLate, isOpen } from "./urgency.ts";

/** Loudest first. `late`: overdue or escalated. `blind`: a drone that cannot see, or is heard no more. */
export const CALLS = ["fire", "late", "smoke", "blind"] as const;
export type Call = (typeof CALLS)[number];

/** Until somebody has seen it, it calls again. */
const AGAIN_MS: Record<Call, number> = { fire: 15_000, late: 30_000, smoke: 30_000, blind: 60_000 };
const LOST_MS = 10_000;
/** In flight a drone that is heard no more for longer than this was lost long ago. */
const LONG_LOST_MS = 120_000;

/** A thing that calls: a new one is news. */
export interface Caller {
  readonly call: Call;
  readonly id: string;
}

export function callers(world: Pick<World, "incidents" | "drones">, now: number, stationNow: number): Caller[] {
  const found: Caller[] = [];
  for (const incident of Object.values(world.incidents)) {
    if (!isOpen(incident) || incident.evidence === "withdrawn") continue;
    if (incident.state === "new") found.push({ call: incident.label, id: incident.id });
    if (isLate(incident, stationNow)) found.push({ call: "late", id: `${incident.id} ${levelOf(incident)}` });
  }
  for (const drone of Object.values(world.drones)) {
    if (isBlind(drone, now) || isLost(drone, now)) found.push({ call: "blind", id: drone.state.drone_id });
  }
  return found;
}

/** Each level that it climbs to calls anew. */
function levelOf({ acknowledge, dispatch }: Incident): string {
  return acknowledge.met_at === null ? `acknowledge ${acknowledge.level ?? ""}` : `dispatch ${dispatch.level ?? ""}`;
}

function isBlind({ state, heardAt }: HeardDrone, now: number): boolean {
  return state.seeing === "blind" && now - heardAt < LONG_LOST_MS;
}

function isLost({ state, heardAt }: HeardDrone, now: number): boolean {
  return state.armed === true && now - heardAt > LOST_MS && now - heardAt < LONG_LOST_MS;
}

export interface Heard {
  /** Who has called before. */
  readonly known: ReadonlySet<string>;
  /** When each kind was heard last, ms since 1970. */
  readonly at: Readonly<Partial<Record<Call, number>>>;
}

export const SILENCE: Heard = { known: new Set(), at: {} };

export interface Ringing {
  /** To be heard now: the loudest; null: nothing. */
  readonly call: Call | null;
  /** Who calls for the first time. */
  readonly news: readonly Caller[];
  readonly heard: Heard;
}

/** What is to be heard now. What is muted is not, and counts as heard: it does not make up for it later. */
export function ring(calling: readonly Caller[], heard: Heard, isMuted: (call: Call) => boolean, now: number): Ringing {
  const key = ({ call, id }: Caller): string => `${call} ${id}`;
  const news = calling.filter((caller) => !heard.known.has(key(caller)));
  const due = CALLS.filter((call) => {
    const last = heard.at[call];
    const again = last === undefined || now - last >= AGAIN_MS[call];
    return calling.some((caller) => caller.call === call) && (again || news.some((caller) => caller.call === call));
  });
  const [loudest] = due.filter((call) => !isMuted(call));
  // One after the other: what is not heard now is due still.
  const done = due.filter((call) => call === loudest || isMuted(call));
  return {
    call: loudest ?? null,
    news,
    heard: {
      known: new Set(calling.map(key)),
      at: { ...heard.at, ...Object.fromEntries(done.map((call) => [call, now])) },
    },
  };
}
