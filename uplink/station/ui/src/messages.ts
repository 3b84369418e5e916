// The words on the wire: a mirror of uplink/messages.py, field by field. A test compares the two.
// Times are ISO 8601 with a zone, lengths are metres, positions WGS 84.

export type Label = "fire" | "smoke";
export type AlertState = "confirmed" | "lost" | "withdrawn";
export type Method = "dem" | "flat" | "bearing-only";
export type ControlState = "hands off" | "granted" | "read only";
export type SeeingState = "seeing" | "blind";
export type LonLat = [number, number];

export interface Position {
  lat_deg: number;
  lon_deg: number;
  alt_amsl_m: number | null;
  datum: "WGS84";
}

export interface ErrorEllipse {
  semi_major_m: number;
  semi_minor_m: number;
  orientation_deg: number;
  confidence: number;
}

export interface Evidence {
  sha256: string;
  media_type: "image/jpeg";
  size_bytes: number;
  width_px: number;
  height_px: number;
  captured_at: string;
  box_px: [number, number, number, number] | null;
}

export interface Alert {
  id: string;
  revision: number;
  drone_id: string;
  state: AlertState;
  label: Label;
  probability: number;
  score: number;
  looks: number;
  first_seen_at: string;
  last_seen_at: string;
  confirmed_at: string;
  time_source: "gnss" | "companion";
  position: Position | null;
  ellipse: ErrorEllipse | null;
  covariance_m2: [number, number, number] | null;
  method: Method;
  slant_range_m: number | null;
  observer: Position | null;
  bearing_deg: number | null;
  model_name: string;
  model_sha256: string;
  evidence: Evidence[];
}

export interface DroneState {
  drone_id: string;
  at: string;
  name: string;
  linked: boolean;
  position: Position | null;
  height_home_m: number | null;
  height_agl_m: number | null;
  heading_deg: number | null;
  ground_speed_m_s: number | null;
  mode: string;
  armed: boolean | null;
  battery_percent: number | null;
  mission_item: number | null;
  control: ControlState;
  control_reason: string;
  seeing: SeeingState;
  blind_reason: string;
  blind_since: string | null;
  frames_per_s: number | null;
  inference_ms: number | null;
  footprint: LonLat[];
  alerts_waiting: number;
}

export interface PatrolRoute {
  drone_id: string;
  name: string;
  plan_sha256: string;
  aboard: boolean;
  route: LonLat[];
}
