// Which incident a person has to deal with first, and in which order they are shown. Pure: told the station's time.

import type { Incident, IncidentState, Target } from "../station.ts";

const FAR: Record<IncidentState, number> = { new: 0, acknowledged: 1, dispatched: 2, resolved: 3, "false alarm": 4 };

export function isOpen(incident: Incident): boolean {
  return incident.state !== "resolved" && incident.state !== "false alarm";
}

/** Nobody has met the target, and its time is over. The station's word counts before its clock is ours again. */
export function isOverdue(incident: Incident, target: Target, now: number): boolean {
  if (!isOpen(incident) || target.met_at !== null || incident.evidence === "withdrawn") return false;
  return target.missed || now > Date.parse(target.due_at);
}

/** The target that people have to meet next; none once somebody is on the way, or where it is settled. */
export function nextTarget(incident: Incident): "acknowledge" | "dispatch" | null {
  if (!isOpen(incident)) return null;
  if (incident.acknowledge.met_at === null) return "acknowledge";
  return incident.dispatch.met_at === null ? "dispatch" : null;
}

export function isLate(incident: Incident, now: number): boolean {
  const target = nextTarget(incident);
  return target !== null && isOverdue(incident, incident[target], now);
}

/** Unacknowledged and overdue first; then by how far people are, overdue, class, growth and probability. */
export function byUrgency(incidents: readonly Incident[], now: number): Incident[] {
  return incidents
    .map((incident) => ({ incident, urgency: urgency(incident, now) }))
    .sort((a, b) => compare(a.urgency, b.urgency) || (a.incident.id < b.incident.id ? -1 : 1))
    .map(({ incident }) => incident);
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [i, value] of a.entries()) {
    const difference = value - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function urgency(incident: Incident, now: number): number[] {
  const late = isLate(incident, now);
  return [
    incident.evidence === "withdrawn" ? 1 : 0,
    incident.state === "new" && late ? 0 : 1,
    FAR[incident.state],
    late ? 0 : 1,
    incident.label === "fire" ? 0 : 1,
    incident.evidence === "seen" ? 0 : 1,
    -(incident.growth_m2_per_min ?? 0),
    -incident.probability,
    Date.parse(incident.reported_at),
  ];
}

export interface Arranged {
  /** As they are to be shown. */
  readonly ids: readonly string[];
  /** What belongs in, and waits until the list may move. */
  readonly waiting: readonly string[];
}

/** A list that a person points at does not move: what is new waits, and what is settled stays where it was. */
export function arrange(wanted: readonly string[], shown: readonly string[], held: boolean): Arranged {
  if (!held) return { ids: wanted, waiting: [] };
  const known = new Set(shown);
  return { ids: shown, waiting: wanted.filter((id) => !known.has(id)) };
}
