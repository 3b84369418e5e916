// What the station answers to who looks after it; a test compares it with the Python models.

import type { StationZone } from "../station.ts";

export type Role = "viewer" | "pilot" | "admin";

export interface UserState {
  name: string;
  role: Role;
  created_at: string;
  disabled: boolean;
  sessions: number;
  last_used_at: string | null;
}

export interface UserSession {
  id: string;
  begun_at: string;
  used_at: string;
  ends_at: string;
  address: string;
  browser: string;
  current: boolean;
}

export interface ResetPassword {
  name: string;
  password: string;
}

export interface TokenState {
  name: string;
  role: Role;
  created_at: string;
  created_by: string;
  used_at: string | null;
}

export interface MadeToken {
  name: string;
  token: string;
}

export interface DroneKeyState {
  drone_id: string;
  state: "configuration" | "station" | "revoked";
  changed_at: string | null;
  name: string;
  heard_at: string | null;
  agent: string;
  firmware: string;
}

export interface MadeKey {
  drone_id: string;
  key: string;
}

export interface DeliveryAttempt {
  at: string;
  took_ms: number | null;
  status: number | null;
  error: string | null;
}

export interface Replayed {
  deliveries: number;
}

export interface ZoneVersion {
  at: string;
  who: string;
  what: "zone.made" | "zone.changed" | "zone.removed";
  zone: StationZone;
}

export interface ImportRefusal {
  number: number;
  name: string;
  reason: string;
}

export interface ZonesImported {
  made: StationZone[];
  refused: ImportRefusal[];
}

export interface RetentionPolicy {
  media_days: number;
  telemetry_days: number;
  deliveries_days: number;
}

export interface Leaving {
  pictures: number;
  picture_bytes: number;
  telemetry: number;
  flights: number;
  deliveries: number;
}

export interface DiskUse {
  database_bytes: number;
  pictures: number;
  picture_bytes: number;
  held_pictures: number;
  telemetry: number;
  deliveries: number;
  free_bytes: number;
  disk_bytes: number;
}

export interface RetentionState {
  policy: RetentionPolicy;
  source: "configuration" | "station";
  configured: RetentionPolicy;
  use: DiskUse;
  leaving: Leaving;
  last_swept_at: string | null;
}

export interface BackupRecord {
  name: string;
  made_at: string;
  pictures: number;
  database_bytes: number;
}

export interface BackupProgress {
  what: string;
  done: number;
  of: number;
  by: string;
}

export interface BackupsState {
  folder: string;
  same_disk: boolean;
  keep: number;
  backups: BackupRecord[];
  making: BackupProgress | null;
  failure: string;
}

export interface AuditEntry {
  number: number;
  at: string;
  who: string;
  what: string;
  about: string;
  detail: Record<string, unknown>;
  hash: string;
}

export interface AuditCheck {
  whole: boolean;
  first_break: number | null;
  lines: number;
  hash: string | null;
}

export interface Health {
  status: "ok" | "degraded" | "failing";
  problems: string[];
}

export interface SystemState {
  version: string;
  started_at: string;
  health: Health;
  pages: number;
  drones_heard: number;
  deliveries_waiting: number;
  deliveries_dead: number;
  pictures_unchecked: number;
  incidents: Record<string, number>;
  free_bytes: number;
  commit_ms: number | null;
  last_backup_at: string | null;
}
