// What the station answers about one incident beyond the incident itself (uplink/station/incident_answers.py,
// crew_answers.py). A test compares.

import type { Label, Position } from "../messages.ts";
import type { Incident, StoredAlert } from "../station.ts";

export interface IncidentDetail extends Incident {
  members: StoredAlert[];
}

export interface TimelineEntry {
  at: string;
  kind: "alert" | "step" | "delivery";
  what: string;
  who: string;
  reason: string;
  unit: string;
  alert_id: string | null;
  revision: number | null;
  captured_at: string | null;
  decision_id: string | null;
}

export interface Timeline {
  entries: TimelineEntry[];
  total: number;
}

export interface SuppressedItem {
  drone_id: string;
  hotspot_id: string;
  by: "drone" | "station";
  zone: string;
  zone_id: string | null;
  zone_version: number | null;
  reason: string;
  label: Label;
  position: Position;
  first_seen_at: string;
  last_seen_at: string;
}

export interface CrewLink {
  id: string;
  incident_id: string;
  made_by: string;
  made_at: string;
  expires_at: string;
}

export interface MadeCrewLink extends CrewLink {
  path: string;
}
