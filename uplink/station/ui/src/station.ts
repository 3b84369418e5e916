// What the station adds to the drones' words (uplink/station/answers.py) and its live events. A test compares.

import type { Alert, DroneGround, DroneState, ErrorEllipse, LonLat, Order, PatrolRoute, Position, SearchedGround } from "./messages.ts";

export interface StoredAlert extends Alert {
  received_at: string;
  /** The name of the station's ignore zone that holds it back: it alarms nobody. */
  suppressed_by: string | null;
}

export interface CrossedAlerts {
  alert_ids: string[];
  label: "fire" | "smoke";
  position: Position;
  ellipse: ErrorEllipse;
  covariance_m2: [number, number, number];
  angle_deg: number;
  ambiguous: boolean;
}

export interface Crossed {
  crossings: CrossedAlerts[];
}

export interface Delivery {
  id: number;
  event_id: string;
  type: string;
  subject_id: string;
  revision: number;
  endpoint: string;
  url_host: string;
  state: "waiting" | "delivered" | "dead";
  attempts: number;
  last_status: number | null;
  last_error: string | null;
  created_at: string;
  next_attempt_at: string | null;
  delivered_at: string | null;
}

export type OrderFate = "waiting" | "accepted" | "done" | "refused" | "expired" | "overtaken" | "lost";

export interface LoggedOrder extends Order {
  fate: OrderFate;
  reason: string;
  alert_ids: string[];
  waits_s: number;
}

export type TipKind = "call" | "sensor" | "satellite" | "other";
export type TipState = "open" | "taken" | "looked at" | "closed" | "dismissed" | "expired";

export interface TipLook {
  drone_id: string;
  order_id: string;
  by: string;
  at: string;
  place: Position;
  radius_m: number;
  ended_at: string | null;
  result: string;
}

export interface TipNear {
  alert_id: string;
  incident_id: string | null;
  label: "fire" | "smoke";
  distance_m: number;
}

/** A place that another system, or a caller, says something of. */
export interface Tip {
  id: string;
  source: string;
  external_id: string;
  kind: TipKind;
  text: string;
  observed_at: string;
  place: Position;
  radius_m: number;
  told_by: string;
  received_at: string;
  updated_at: string;
  expires_at: string;
  state: TipState;
  state_at: string;
  state_by: string;
  reason: string;
  look: TipLook | null;
  alert_ids: string[];
  near: TipNear[];
}

/** An endpoint of the configuration and how it fares. */
export interface WebhookState {
  id: string;
  url_host: string;
  events: string[];
  has_area: boolean;
  datum: "wgs84" | "gcj02";
  two_secrets: boolean;
  disabled_at: string | null;
  disabled_because: string | null;
  last_error: string | null;
  waiting: number;
  dead: number;
  oldest_waiting_at: string | null;
  last_delivered_at: string | null;
}

export interface LeaseState {
  drone_id: string;
  holder: string | null;
  holder_tag: string | null;
  expires_in_s: number;
  asking: string | null;
  asking_tag: string | null;
}

export interface SessionState {
  name: string | null;
  role: "viewer" | "pilot" | "admin" | null;
  tag: string | null;
  sign_in_needed: boolean;
  csrf_token: string;
  ends_at: string | null;
}

export interface Target {
  due_at: string;
  met_at: string | null;
  by: string | null;
  missed: boolean;
  level: string | null;
}

export type IncidentState = "new" | "acknowledged" | "dispatched" | "resolved" | "false alarm";
export type Certainty = "observed" | "likely" | "possible";
export type Severity = "extreme" | "severe" | "moderate" | "minor" | "unknown";

/** The clearest frame of one of an incident's alerts. */
export interface IncidentPhoto {
  alert_id: string;
  drone_id: string;
  sha256: string;
  width_px: number;
  height_px: number;
  captured_at: string;
  box_px: [number, number, number, number] | null;
}

/** Alerts of one or many cameras that are one event, and how far people are with it. */
export interface Incident {
  id: string;
  version: number;
  state: IncidentState;
  label: "fire" | "smoke";
  certainty: Certainty;
  severity: Severity;
  probability: number;
  evidence: "seen" | "lost" | "withdrawn";
  first_seen_at: string;
  confirmed_at: string;
  last_seen_at: string;
  reported_at: string;
  position: Position | null;
  ellipse: ErrorEllipse | null;
  covariance_m2: [number, number, number] | null;
  method: "dem" | "flat" | "crossing" | null;
  area_m2: number | null;
  area_sigma_m2: number | null;
  growth_m2_per_min: number | null;
  growth_sigma_m2_per_min: number | null;
  alerts: number;
  alert_ids: string[];
  drone_ids: string[];
  photos: IncidentPhoto[];
  acknowledge: Target;
  dispatch: Target;
  units: string[];
  level: string | null;
  confirmed_by: string | null;
  closed_at: string | null;
  closed_because: string | null;
  related: string | null;
  aliases: string[];
  updated_at: string;
}

export interface Snapshot {
  now: string;
  drones: DroneState[];
  patrols: PatrolRoute[];
  grounds: DroneGround[];
  searched: SearchedGround[];
  alerts: StoredAlert[];
  incidents: Incident[];
  crossings: CrossedAlerts[];
  tracks: Record<string, LonLat[]>;
  leases: LeaseState[];
  orders: LoggedOrder[];
  tips: Tip[];
  zones: StationZone[];
}

export type ZoneReason = "chimney" | "kiln" | "quarry" | "permitted burn" | "other";

/** Of the station: what burns there alarms nobody. */
export interface StationZone {
  name: string;
  reason: ZoneReason;
  note: string;
  ring: LonLat[];
  labels: ("fire" | "smoke")[];
  starts_at: string | null;
  ends_at: string | null;
  breaks_at_m2: number | null;
  id: string;
  version: number;
  area_m2: number;
  made_at: string;
  made_by: string;
  changed_at: string;
  changed_by: string;
  removed_at: string | null;
}

export type LiveEvent =
  | { type: "snapshot"; data: Snapshot }
  | { type: "drone"; data: DroneState }
  | { type: "patrol"; data: PatrolRoute }
  | { type: "ground"; data: DroneGround }
  | { type: "searched"; data: SearchedGround }
  | { type: "alert"; data: StoredAlert }
  | { type: "delivery"; data: Delivery }
  | { type: "lease"; data: LeaseState }
  | { type: "order"; data: LoggedOrder }
  | { type: "tip"; data: Tip }
  | { type: "incident"; data: Incident }
  | { type: "zone"; data: StationZone }
  | { type: "crossings"; data: Crossed };

/** An address of the station, wherever it is mounted. */
export function stationUrl(path: string): URL {
  return new URL(path, document.baseURI);
}

/** An alert with its positions in GCJ-02, the datum of Chinese maps; outside China they stay WGS 84. */
export async function inGcj02(id: string, signal: AbortSignal): Promise<StoredAlert | null> {
  try {
    const answer = await fetch(stationUrl(`api/v1/alerts/${id}?datum=gcj02`), { signal });
    return answer.ok ? ((await answer.json()) as StoredAlert) : null;
  } catch {
    return null;
  }
}

export function mediaUrl(sha256: string): string {
  return stationUrl(`api/v1/media/${sha256}`).href;
}

/** Why a picture is not shown and will not be; null while it may still come, or be checked. */
export async function whyNoPhoto(url: string): Promise<"photoGone" | "photoHeldBack" | null> {
  try {
    const { status } = await fetch(url);
    return status === 410 ? "photoGone" : status === 403 ? "photoHeldBack" : null;
  } catch {
    return null;
  }
}
