// What the station adds to the drones' words (uplink/station/answers.py) and its live events. A test compares.

import type { Alert, DroneState, LonLat, PatrolRoute } from "./messages.ts";

export interface StoredAlert extends Alert {
  received_at: string;
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

export interface Snapshot {
  drones: DroneState[];
  patrols: PatrolRoute[];
  alerts: StoredAlert[];
  tracks: Record<string, LonLat[]>;
}

export type LiveEvent =
  | { type: "snapshot"; data: Snapshot }
  | { type: "drone"; data: DroneState }
  | { type: "patrol"; data: PatrolRoute }
  | { type: "alert"; data: StoredAlert }
  | { type: "delivery"; data: Delivery };

/** An address of the station, wherever it is mounted. */
export function stationUrl(path: string): URL {
  return new URL(path, document.baseURI);
}

export function mediaUrl(sha256: string): string {
  return stationUrl(`api/v1/media/${sha256}`).href;
}
