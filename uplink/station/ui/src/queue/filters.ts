// Which incidents are shown: by how far people are, class, drone, words, part of the map and time. Pure.

import type { Bounds } from "../geo.ts";
import type { Label } from "../messages.ts";
import type { Incident, IncidentState } from "../station.ts";

export interface Filter {
  /** None: every state. */
  readonly states: readonly IncidentState[];
  readonly label: Label | "";
  readonly drone: string;
  readonly text: string;
  /** Only what lies in the part of the map that is in view. */
  readonly inView: boolean;
  /** Seen within so many hours; 0: whenever. */
  readonly hours: number;
}

export const EVERYTHING: Filter = { states: [], label: "", drone: "", text: "", inView: false, hours: 0 };

export function isEverything(filter: Filter): boolean {
  return count(filter) === 0;
}

/** How many of its parts hold something back. */
export function count(filter: Filter): number {
  const { states, label, drone, text, inView, hours } = filter;
  return [states.length > 0, label !== "", drone !== "", text.trim() !== "", inView, hours > 0].filter(Boolean).length;
}

export interface Surroundings {
  readonly now: number;
  readonly view: Bounds | null;
  /** What people call a drone. */
  readonly nameOf: (droneId: string) => string;
}

export function matches(incident: Incident, filter: Filter, { now, view, nameOf }: Surroundings): boolean {
  const { states, label, drone, text, inView, hours } = filter;
  if (states.length > 0 && !states.includes(incident.state)) return false;
  if (label !== "" && incident.label !== label) return false;
  if (drone !== "" && !incident.drone_ids.includes(drone)) return false;
  if (hours > 0 && now - Date.parse(incident.last_seen_at) > hours * 3_600_000) return false;
  if (inView && view && !isWithin(incident, view)) return false;
  const words = text.trim().toLowerCase();
  return words === "" || said(incident, nameOf).includes(words);
}

/** What has no position may be anywhere: it is not hidden by a part of the map. */
function isWithin({ position }: Incident, [west, south, east, north]: Bounds): boolean {
  if (!position) return true;
  const { lat_deg, lon_deg } = position;
  const turned = west + ((((lon_deg - west) % 360) + 360) % 360);
  return lat_deg >= south && lat_deg <= north && turned <= east;
}

function said(incident: Incident, nameOf: (droneId: string) => string): string {
  const { id, drone_ids, units, acknowledge, dispatch, confirmed_by, closed_because, level } = incident;
  const words = [id, ...drone_ids, ...drone_ids.map(nameOf), ...units, acknowledge.by, dispatch.by, confirmed_by];
  return [...words, closed_because, level].join("\n").toLowerCase();
}

/** The same asked of the station, for those that are settled. */
export function queryOf(filter: Filter, { now, view }: Surroundings): URLSearchParams {
  const { label, drone, text, inView, hours } = filter;
  const query = new URLSearchParams();
  const closed = filter.states.filter((state) => state === "resolved" || state === "false alarm");
  for (const state of closed.length > 0 ? closed : ["resolved", "false alarm"]) query.append("state", state);
  if (label !== "") query.set("label", label);
  if (drone !== "") query.set("drone_id", drone);
  if (text.trim() !== "") query.set("text", text.trim().slice(0, 80));
  if (hours > 0) query.set("since", new Date(now - hours * 3_600_000).toISOString());
  if (inView && view) query.set("bbox", bbox(view));
  return query;
}

function bbox([west, south, east, north]: Bounds): string {
  const wide = east - west >= 360;
  const lon = (deg: number): number => ((((deg + 180) % 360) + 360) % 360) - 180;
  const sides = wide ? [-180, south, 180, north] : [lon(west), south, lon(east), north];
  return sides.map((deg) => Math.max(-180, Math.min(180, deg)).toFixed(6)).join(",");
}
