// What the station adds to the drones' words (uplink/station/answers.py) and its live events. A test compares.

import type { Alert, DroneState, ErrorEllipse, LonLat, Order, PatrolRoute, Position } from "./messages.ts";

export interface StoredAlert extends Alert {
  received_at: string;
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
  alert_id: string;
  revision: number;
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
}

export interface LeaseState {
  drone_id: string;
  holder: string | null;
  holder_tag: string | null;
  expires_in_s: number;
  asking: string | null;
  asking_tag: string | null;
}

export interface OperatorState {
  name: string | null;
  tag: string | null;
  needs_key: boolean;
  orders_possible: boolean;
}

export interface Snapshot {
  drones: DroneState[];
  patrols: PatrolRoute[];
  alerts: StoredAlert[];
  crossings: CrossedAlerts[];
  tracks: Record<string, LonLat[]>;
  leases: LeaseState[];
  orders: LoggedOrder[];
}

export type LiveEvent =
  | { type: "snapshot"; data: Snapshot }
  | { type: "drone"; data: DroneState }
  | { type: "patrol"; data: PatrolRoute }
  | { type: "alert"; data: StoredAlert }
  | { type: "delivery"; data: Delivery }
  | { type: "lease"; data: LeaseState }
  | { type: "order"; data: LoggedOrder }
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
