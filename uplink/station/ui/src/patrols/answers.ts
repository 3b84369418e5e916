// Patrols in the station's library: a mirror of uplink/station/patrol_answers.py and flight/plans/patrol_file.py.
// A test compares them. What a person left out is left out.

import type { LonLat, PatrolRef, Position } from "../messages.ts";

export type LatLon = [number, number];
export type RallyPoint = [number, number, number];
export type OnDetection = "look again" | "ask" | "off";
export type PatrolKind = "area" | "corridor" | "points" | "plan";

export interface CircleZone {
  center: LatLon;
  radius_m: number;
}

export interface CorridorSection {
  line: LatLon[];
  width_m: number;
}

export interface RepeatSection {
  every_min?: number | null;
  daily_utc?: string[];
  times?: number | null;
}

export interface PatrolFile {
  name: string;
  home?: LatLon | null;
  home_alt_amsl_m?: number | null;
  plan?: string | null;
  area?: LatLon[] | null;
  corridor?: CorridorSection | null;
  points?: LatLon[] | null;
  camera?: string;
  height_agl_m?: number | null;
  ground_sampling_cm?: number | null;
  gimbal_pitch_deg?: number;
  side_overlap?: number;
  speed_m_s?: number;
  hold_s?: number;
  direction_deg?: number | null;
  ceiling_home_m?: number;
  least_height_agl_m?: number;
  endurance_s?: number;
  reserve_percent?: number;
  fence?: LatLon[] | null;
  no_fly?: (LatLon[] | CircleZone)[];
  rally?: RallyPoint[];
  repeat?: RepeatSection | null;
  on_detection?: OnDetection;
  unattended?: boolean;
}

export interface PatrolDraft {
  patrol: PatrolFile;
  plan_text?: string | null;
}

export interface ProfilePoint {
  along_m: number;
  alt_amsl_m: number;
  ground_amsl_m: number | null;
}

export interface PlannedFlight {
  name: string;
  plan_sha256: string;
  items_sha256: string;
  items: number;
  length_m: number;
  time_s: number;
  battery_percent: number;
  highest_home_m: number;
  lowest_agl_m: number | null;
  highest_agl_m: number | null;
  route: LonLat[];
  profile: ProfilePoint[];
}

export interface PatrolProblem {
  flight: number | null;
  item: number | null;
  lat_deg: number | null;
  lon_deg: number | null;
  what: string;
}

export interface PlannedPatrol {
  home: Position;
  flights: PlannedFlight[];
  problems: PatrolProblem[];
  area_m2: number | null;
  seen_percent: number | null;
  unseen: LonLat[][][];
  height_agl_m: number | null;
  swath_m: number | null;
  ground_sampling_cm: number | null;
  usable_s: number;
  terrain: string;
  checked_by: string;
}

export interface PatrolPreview {
  planned: PlannedPatrol | null;
  trouble: string;
  hint: string;
}

export interface StoredPatrol {
  id: string;
  version: number;
  changed_at: string;
  changed_by: string;
  draft: PatrolDraft;
  preview: PatrolPreview;
  ref: PatrolRef | null;
}

export interface PatrolSummary {
  id: string;
  version: number;
  name: string;
  kind: PatrolKind;
  changed_at: string;
  changed_by: string;
  flights: number;
  length_m: number;
  time_s: number;
  area_m2: number | null;
  problems: number;
  repeat: RepeatSection | null;
  unattended: boolean;
  sha256: string | null;
}

export interface ImportedPatrol {
  name: string;
  patrol: PatrolFile | null;
  plan_text: string | null;
  area: LatLon[] | null;
  corridor: CorridorSection | null;
  notes: string[];
}

export interface CameraChoice {
  name: string;
  width_px: number;
  height_px: number;
  hfov_deg: number;
}
