// The words on the wire: a mirror of uplink/messages, field by field. A test compares the two.
// Times are ISO 8601 with a zone, lengths are metres, positions WGS 84 unless another datum was asked for.

export type Label = "fire" | "smoke";
export type AlertState = "confirmed" | "lost" | "withdrawn";
export type Method = "dem" | "flat" | "bearing-only";
export type ControlState = "hands off" | "granted" | "read only";
export type SeeingState = "seeing" | "degraded" | "blind";
export type DegradedKind = "slow"
  | "partly covered"
  | "colour camera blind"
  | "thermal camera blind"
  | "vision restarted"
  | "no telemetry"
  | "no upload"
  | "hot"
  | "throttled"
  | "low voltage"
  | "little memory"
  | "large"
  | "little disk"
  | "wrong clock"
  | "unreadable";
export type OrderKind = "grant" | "revoke" | "start" | "pause" | "resume" | "stand down" | "look again" | "no look" | "look at" | "load patrol" | "go to" | "orbit" | "hold" | "change height" | "return" | "land";
export type OrderState = "accepted" | "done" | "refused";
export type PatrolPhase = "waiting" | "ready" | "flying" | "paused" | "looking again" | "returning" | "done" | "interrupted";
export type ResponsePhase = "idle" | "asked" | "flying there" | "looking" | "returning" | "given up";
export type SentStage = "going" | "circling" | "there" | "returning" | "landing";
export type HeightAbove = "ground" | "home";
export type GpsFix = "none" | "2D" | "3D" | "DGPS" | "RTK float" | "RTK fixed" | "static" | "PPP";
export type LonLat = [number, number];

export interface Position {
  lat_deg: number;
  lon_deg: number;
  alt_amsl_m: number | null;
  datum: "WGS84" | "GCJ02";
}

export interface ErrorEllipse {
  semi_major_m: number;
  semi_minor_m: number;
  orientation_deg: number;
  confidence: number;
}

export interface GroundWindow {
  centre: Position;
  metres_per_px: number;
}

export interface Evidence {
  kind: "detection" | "lead-up" | "ground view" | "thermal";
  sha256: string;
  media_type: "image/jpeg";
  size_bytes: number;
  width_px: number;
  height_px: number;
  captured_at: string;
  box_px: [number, number, number, number] | null;
  ground: GroundWindow | null;
}

export interface PoseProvenance {
  at: string;
  time_source: "gnss" | "companion";
  position: Position;
  azimuth_deg: number;
  elevation_deg: number;
  roll_deg: number;
  horizontal_sigma_m: number;
  vertical_sigma_m: number;
  attitude_sigma_deg: number;
  heading_sigma_deg: number;
  gimbal_sigma_deg: number;
  time_sigma_s: number;
  camera: string;
  hfov_deg: number;
}

export interface HeatReading {
  at: string;
  max_c: number;
  saturated: boolean;
  around_c: number;
  size_px: number;
  area_m2: number | null;
}

export interface TerrainProvenance {
  name: string;
  sigma_m: number;
  resolution_m: number;
  datum: "EGM96";
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
  bearing_sigma_deg: number | null;
  model_name: string;
  model_sha256: string;
  evidence: Evidence[];
  pose: PoseProvenance | null;
  terrain: TerrainProvenance | null;
  area_m2: number | null;
  area_sigma_m2: number | null;
  growth_m2_per_min: number | null;
  growth_sigma_m2_per_min: number | null;
  heat: HeatReading | null;
}

export interface PatrolRef {
  id: string;
  version: number;
  name: string;
  sha256: string;
  size_bytes: number;
}

export interface Order {
  id: string;
  drone_id: string;
  kind: OrderKind;
  by: string;
  at: string;
  alert_id: string | null;
  place: Position | null;
  radius_m: number | null;
  height_m: number | null;
  height_above: HeightAbove | null;
  only_check: boolean;
  tip_id: string | null;
  patrol: PatrolRef | null;
  run: string | null;
  sequence: number | null;
  expires_s: number | null;
}

export interface OrderResult {
  order_id: string;
  kind: OrderKind;
  state: OrderState;
  reason: string;
  alert_ids: string[];
  at: string;
}

export interface PatrolProgress {
  name: string;
  sent: PatrolRef | null;
  phase: PatrolPhase;
  flight: number;
  flights: number;
  item: number | null;
  items: number;
  pass_number: number;
  next_start: string | null;
  coverage_percent: number | null;
  plan_aboard_sha256: string | null;
  plan_matches: boolean | null;
}

export interface ResponseState {
  phase: ResponsePhase;
  alert_id: string | null;
  tip_id: string | null;
  reason: string;
}

export interface SentState {
  order_id: string;
  kind: OrderKind;
  stage: SentStage;
  place: Position | null;
  radius_m: number | null;
  detail: string;
}

export interface BatteryHealth {
  voltage_v: number | null;
  current_a: number | null;
  left_s: number | null;
  left_by: "autopilot" | "consumption" | null;
  home_s: number | null;
  reaches_home: "yes" | "into the reserve" | "no" | null;
}

export interface GpsHealth {
  fix: GpsFix;
  satellites: number | null;
}

export interface RadioHealth {
  rc_percent: number | null;
  telemetry_percent: number | null;
  telemetry_remote_percent: number | null;
}

export interface TrafficReport {
  icao: string;
  callsign: string;
  emitter: string;
  lat_deg: number;
  lon_deg: number;
  alt_amsl_m: number | null;
  pressure_altitude: boolean;
  distance_m: number;
  bearing_deg: number;
  cpa_distance_m: number;
  cpa_height_m: number | null;
  cpa_in_s: number;
  track_deg: number | null;
  speed_m_s: number;
}

export interface PreflightLine {
  name: string;
  passed: boolean | null;
  detail: string;
}

export interface LinkHealth {
  received: number;
  lost_percent: number | null;
  unreadable: number;
  refused: number;
  unsent: number;
}

export interface OutboxHealth {
  refused: number;
  refused_reason: string;
  pictures_dropped: number;
  pictures_waiting: number;
}

export interface SuppressedHotspot {
  hotspot_id: string;
  zone: string;
  reason: string;
  label: Label;
  position: Position;
  last_seen_at: string;
}

export interface CameraView {
  azimuth_deg: number;
  elevation_deg: number;
  hfov_deg: number;
}

export interface Wind {
  from_deg: number;
  speed_m_s: number;
}

export interface DegradedReason {
  kind: DegradedKind;
  value: number;
  since: string;
  words: string;
}

export interface AgentHealth {
  frame_age_s: number | null;
  look_age_s: number | null;
  pose_age_s: number | null;
  telemetry_age_s: number | null;
  upload_age_s: number | null;
  vision_restarts: number;
  temperature_c: number | null;
  throttled: boolean | null;
  under_voltage: boolean | null;
  memory_free_mb: number | null;
  agent_memory_mb: number | null;
  disk_free_mb: number | null;
  clock_synchronised: boolean | null;
  clock_off_s: number | null;
}

export interface DroneState {
  drone_id: string;
  at: string;
  run: string | null;
  clock_s: number | null;
  order_sequence: number;
  name: string;
  fixed: boolean;
  linked: boolean;
  position: Position | null;
  height_home_m: number | null;
  height_agl_m: number | null;
  heading_deg: number | null;
  ground_speed_m_s: number | null;
  mode: string;
  armed: boolean | null;
  battery_percent: number | null;
  battery: BatteryHealth | null;
  gps: GpsHealth | null;
  radio: RadioHealth | null;
  home_distance_m: number | null;
  flight_time_s: number | null;
  station_round_trip_s: number | null;
  mission_item: number | null;
  control: ControlState;
  control_reason: string;
  objection: string;
  veto: string;
  granted_by: string;
  grant_channel: number | null;
  seeing: SeeingState;
  blind_reason: string;
  blind_since: string | null;
  degraded: DegradedReason[];
  health: AgentHealth | null;
  frames_per_s: number | null;
  inference_ms: number | null;
  tiles_per_s: number | null;
  frame_age_s: number | null;
  frames_dropped: number;
  footprint: LonLat[];
  view: CameraView | null;
  wind: Wind | null;
  alerts_waiting: number;
  outbox: OutboxHealth | null;
  link: LinkHealth | null;
  firmware: string;
  agent: string;
  alarms: string[];
  patrol: PatrolProgress | null;
  response: ResponseState | null;
  sent: SentState | null;
  traffic: TrafficReport[];
  preflight: PreflightLine[];
  suppressed: SuppressedHotspot[];
  suppressed_ever: number;
  orders: OrderResult[];
}

export interface PatrolRoute {
  drone_id: string;
  name: string;
  plan_sha256: string;
  aboard: boolean;
  route: LonLat[];
}

export interface FenceZone {
  keep: "in" | "out";
  ring: LonLat[];
}

export interface IgnoreZone {
  name: string;
  reason: string;
  ring: LonLat[];
  begins: string | null;
  ends: string | null;
}

/** Where a drone may fly, where it starts from and may land, and what ground it has to watch. */
export interface DroneGround {
  drone_id: string;
  fence: FenceZone[];
  ignore_zones: IgnoreZone[];
  home: Position | null;
  rally: Position[];
  area: LonLat[];
}

/** Which ground a camera has seen, and when last: a raster, north up; its cells are zlib in base64. */
export interface SearchedGround {
  drone_id: string;
  west_deg: number;
  south_deg: number;
  east_deg: number;
  north_deg: number;
  columns: number;
  rows: number;
  began: string;
  slot_s: number;
  cells: string;
  seen_m2: number;
}
