// Flights as the station answers them; a test compares them with the Python models.

import type { ControlState, DegradedReason, LonLat, SeeingState } from "../messages.ts";
import type { LoggedOrder, StoredAlert } from "../station.ts";

export type FlightKind = "flight" | "day";
export type Began = "armed" | "in the air" | "heard";
export type Ended = "disarmed" | "unheard" | "midnight";

export interface FlightGap {
  from_s: number;
  to_s: number;
}

export interface ClockLeap {
  at_s: number;
  whose: "drone" | "station";
  by_s: number;
}

export interface FlightRecord {
  id: string;
  drone_id: string;
  kind: FlightKind;
  began: Began;
  ended: Ended | null;
  started_at: string;
  last_at: string;
  duration_s: number;
  distance_m: number;
  highest_agl_m: number | null;
  highest_home_m: number | null;
  highest_amsl_m: number | null;
  battery_start_percent: number | null;
  battery_end_percent: number | null;
  blind_s: number;
  degraded_s: number;
  gaps: FlightGap[];
  gaps_s: number;
  clock_leaps: ClockLeap[];
  drone_clock_ahead_s: number;
  restarts_s: number[];
  patrols: string[];
  alerts: number;
}

export interface RaisedAlert {
  after_s: number;
  alert: StoredAlert;
}

export interface FlightDetail extends FlightRecord {
  raised: RaisedAlert[];
  orders: LoggedOrder[];
}

export interface TrackPoint {
  id: number;
  drone_id: string;
  at: string;
  heard_at: string;
  lat_deg: number | null;
  lon_deg: number | null;
  alt_amsl_m: number | null;
  height_agl_m: number | null;
  height_home_m: number | null;
  heading_deg: number | null;
  ground_speed_m_s: number | null;
  battery_percent: number | null;
  mode: string;
  armed: boolean | null;
  control: ControlState | null;
  seeing: SeeingState;
  blind_reason: string;
  degraded: DegradedReason[];
  patrol: string | null;
  footprint: LonLat[];
}

export interface FlightPoint extends TrackPoint {
  after_s: number;
}

export interface FlightTrack {
  points: FlightPoint[];
  kept: number;
}
