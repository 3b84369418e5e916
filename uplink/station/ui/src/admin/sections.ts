// The parts of looking after a station, and who may see them. Pure.

import type { Key } from "../i18n.ts";
import type { SessionState } from "../station.ts";
import type { Role } from "./answers.ts";

interface Part {
  readonly name: string;
  readonly title: Key;
  /** The least that sees it. */
  readonly role: Role;
}

export const SECTIONS = [
  { name: "users", title: "admin.users", role: "admin" },
  { name: "tokens", title: "admin.tokens", role: "admin" },
  { name: "drones", title: "admin.drones", role: "admin" },
  { name: "zones", title: "admin.zones", role: "viewer" },
  { name: "webhooks", title: "admin.webhooks", role: "admin" },
  { name: "storage", title: "admin.storage", role: "admin" },
  { name: "audit", title: "admin.audit", role: "admin" },
  { name: "system", title: "admin.system", role: "admin" },
] as const satisfies readonly Part[];

export type Section = (typeof SECTIONS)[number];

const RANKS: readonly Role[] = ["viewer", "pilot", "admin"];

/** Without a name it is the first that this person may see. */
export function sectionOf(name: string | undefined, session: SessionState | null): Section {
  const first = SECTIONS.find((section) => covers(session, section.role)) ?? SECTIONS[0];
  return SECTIONS.find((section) => section.name === name) ?? first;
}

export function covers(session: SessionState | null, role: Role): boolean {
  return session?.role != null && RANKS.indexOf(session.role) >= RANKS.indexOf(role);
}
