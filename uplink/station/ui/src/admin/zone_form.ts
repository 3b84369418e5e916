// What a person writes of an ignore zone, and whether it can be taken. Pure; the station looks again.

import { inRing } from "../geo.ts";
import type { Key } from "../i18n.ts";
import type { LonLat } from "../messages.ts";
import type { StationZone, StoredAlert, ZoneReason } from "../station.ts";
import { fromLocalInput, toLocalInput } from "./times.ts";

export const REASONS: readonly ZoneReason[] = ["chimney", "kiln", "quarry", "permitted burn", "other"];
export const LABELS = ["fire", "smoke"] as const;
const USUAL_M2 = 200;
const LEAST_CORNERS = 3;

export interface Written {
  name: string;
  reason: ZoneReason;
  note: string;
  fire: boolean;
  smoke: boolean;
  starts: string;
  ends: string;
  /** Square metres; what is only told when it is as large as the zone has none. */
  breaks: string;
  breaksNever: boolean;
  ring: LonLat[];
}

export function blank(): Written {
  return {
    name: "",
    reason: "chimney",
    note: "",
    fire: true,
    smoke: true,
    starts: "",
    ends: "",
    breaks: String(USUAL_M2),
    breaksNever: false,
    ring: [],
  };
}

export function writtenOf(zone: StationZone): Written {
  return {
    name: zone.name,
    reason: zone.reason,
    note: zone.note,
    fire: zone.labels.includes("fire"),
    smoke: zone.labels.includes("smoke"),
    starts: toLocalInput(zone.starts_at),
    ends: toLocalInput(zone.ends_at),
    breaks: zone.breaks_at_m2 === null ? "" : String(zone.breaks_at_m2),
    breaksNever: zone.breaks_at_m2 === null,
    ring: zone.ring,
  };
}

export type Amiss = Partial<Record<"name" | "labels" | "ends" | "breaks" | "ring", Key>>;

/** What stands against it, by field; nothing when it can be sent. */
export function amissIn(said: Written): Amiss {
  const amiss: Amiss = {};
  const [starts, ends] = [fromLocalInput(said.starts), fromLocalInput(said.ends)];
  if (!said.name.trim()) amiss.name = "admin.required";
  if (!said.fire && !said.smoke) amiss.labels = "admin.required";
  if (said.reason === "permitted burn" && !ends) amiss.ends = "admin.zoneEnds";
  if (starts && ends && starts >= ends) amiss.ends = "admin.endsBefore";
  if (!said.breaksNever && !(breaksOf(said) > 0)) amiss.breaks = "admin.breaksWrong";
  if (said.ring.length < LEAST_CORNERS) amiss.ring = "admin.least3";
  return amiss;
}

/** What is sent. */
export function draftOf(said: Written): object {
  return {
    name: said.name.trim(),
    reason: said.reason,
    note: said.note.trim(),
    ring: said.ring,
    labels: LABELS.filter((label) => said[label]),
    starts_at: fromLocalInput(said.starts),
    ends_at: fromLocalInput(said.ends),
    breaks_at_m2: said.breaksNever ? null : breaksOf(said),
  };
}

export type Standing = "now" | "yet" | "over";

export function standingOf(zone: StationZone, now: number): Standing {
  if (zone.ends_at !== null && Date.parse(zone.ends_at) <= now) return "over";
  return zone.starts_at !== null && Date.parse(zone.starts_at) > now ? "yet" : "now";
}

/** What burns in a ring and was told to people: no zone takes it away. */
export function toldIn(alerts: readonly StoredAlert[], ring: readonly LonLat[]): StoredAlert[] {
  if (ring.length < LEAST_CORNERS) return [];
  return alerts.filter(
    ({ position, state, suppressed_by }) =>
      position && state === "confirmed" && !suppressed_by && inRing([position.lon_deg, position.lat_deg], ring),
  );
}

function breaksOf(said: Written): number {
  return Number(said.breaks.replace(",", "."));
}
