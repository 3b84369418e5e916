// Incidents and alerts for the stories of the queue.

import type { Position } from "../../../uplink/station/ui/src/messages.ts";
import type { Incident, StoredAlert, Target } from "../../../uplink/station/ui/src/station.ts";

export const NOW = Date.parse("2026-07-01T12:00:00Z");
export const HOME: Position = { lat_deg: -35.363262, lon_deg: 149.165237, alt_amsl_m: null, datum: "WGS84" };

export function iso(secondsFromNow: number): string {
  return new Date(NOW + secondsFromNow * 1000).toISOString();
}

export function target(dueInS: number, change: Partial<Target> = {}): Target {
  return { due_at: iso(dueInS), met_at: null, by: null, missed: dueInS < 0, level: null, ...change };
}

export function met(agoS: number, by = "Pia", change: Partial<Target> = {}): Target {
  return target(100, { met_at: iso(-agoS), by, ...change });
}

/** Reported a minute ago and seen by nobody. */
export function incident(change: Partial<Incident> = {}): Incident {
  return {
    id: "a",
    version: 1,
    state: "new",
    label: "fire",
    certainty: "likely",
    severity: "moderate",
    probability: 0.9,
    evidence: "seen",
    first_seen_at: iso(-90),
    confirmed_at: iso(-70),
    last_seen_at: iso(-5),
    reported_at: iso(-60),
    position: HOME,
    ellipse: { semi_major_m: 12, semi_minor_m: 7, orientation_deg: 30, confidence: 0.9 },
    covariance_m2: null,
    method: "dem",
    area_m2: null,
    area_sigma_m2: null,
    growth_m2_per_min: null,
    growth_sigma_m2_per_min: null,
    alerts: 1,
    alert_ids: ["alert-a"],
    drone_ids: ["kestrel"],
    photos: [],
    acknowledge: target(120),
    dispatch: target(840),
    units: [],
    level: null,
    confirmed_by: null,
    closed_at: null,
    closed_because: null,
    related: null,
    aliases: [],
    updated_at: iso(-5),
    ...change,
  };
}

export function acknowledged(change: Partial<Incident> = {}): Incident {
  return incident({ state: "acknowledged", acknowledge: met(10), ...change });
}

export function dispatched(change: Partial<Incident> = {}): Incident {
  return incident({ state: "dispatched", acknowledge: met(10), dispatch: met(5), ...change });
}

export function resolved(change: Partial<Incident> = {}): Incident {
  return dispatched({ state: "resolved", closed_at: iso(-1), closed_because: "out", ...change });
}

export function alert(change: Partial<StoredAlert> = {}): StoredAlert {
  return {
    id: "a",
    revision: 1,
    drone_id: "kestrel",
    state: "confirmed",
    label: "fire",
    probability: 0.9,
    first_seen_at: iso(-90),
    last_seen_at: iso(-5),
    confirmed_at: "2026-07-01T11:59:00Z",
    position: null,
    ellipse: null,
    observer: null,
    bearing_deg: null,
    evidence: [],
    ...change,
  } as StoredAlert;
}
