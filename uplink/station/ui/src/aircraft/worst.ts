// Which aircraft needs somebody most, and why: for a list of fifty. Pure.

import type { Key } from "../i18n.ts";
import type { HeardDrone } from "../state.ts";

export interface Trouble {
  /** 0 is the worst. */
  rank: number;
  why: Key | "";
  /** The drone's own word. */
  detail: string;
  tone: "" | "ok" | "warn" | "bad";
}

const STALE_MS = 5_000;

/** The worst that there is to say of it; what flies before what stands. */
export function troubleOf({ state, heardAt }: HeardDrone, now: number): Trouble {
  const flies = state.armed === true && !state.fixed;
  const silent = now - heardAt > STALE_MS;
  if (flies && silent) return { rank: 0, why: "worstSilent", detail: "", tone: "bad" };
  if (flies && !state.linked) return { rank: 1, why: "worstNoLink", detail: "", tone: "bad" };
  if (flies && state.battery?.reaches_home === "no") return { rank: 2, why: "worstBattery", detail: "", tone: "bad" };
  if (state.seeing === "blind" && !silent) return { rank: flies ? 3 : 6, why: "blind", detail: state.blind_reason, tone: "bad" };
  if (flies && state.control !== "granted") return { rank: 4, why: "hands off", detail: state.control_reason, tone: "warn" };
  const [alarm] = state.alarms;
  if (alarm !== undefined) return { rank: 5, why: "", detail: alarm, tone: "warn" };
  const [worse] = state.degraded;
  if (worse !== undefined && !silent) return { rank: flies ? 5 : 8.5, why: "degraded", detail: worse.words, tone: "warn" };
  if (flies && state.battery?.reaches_home === "into the reserve") return { rank: 7, why: "worstReserve", detail: "", tone: "warn" };
  if (flies) return { rank: 8, why: "worstFlies", detail: "", tone: "ok" };
  return silent ? { rank: 10, why: "worstSilent", detail: "", tone: "" } : { rank: 9, why: "worstReady", detail: "", tone: "" };
}

/** The worst first; of those that are as bad, by name. */
export function worstFirst(drones: readonly HeardDrone[], now: number): HeardDrone[] {
  return drones
    .map((drone) => ({ drone, rank: troubleOf(drone, now).rank, name: nameOf(drone) }))
    .sort((a, b) => a.rank - b.rank || a.name.localeCompare(b.name))
    .map(({ drone }) => drone);
}

/** Those whose name, id, mode or patrol has all of these words in it. */
export function matching(drones: readonly HeardDrone[], query: string): HeardDrone[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return drones.filter(({ state }) => {
    const text = [state.name, state.drone_id, state.mode, state.patrol?.name ?? ""].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

export function nameOf({ state }: HeardDrone): string {
  return state.name || state.drone_id;
}
