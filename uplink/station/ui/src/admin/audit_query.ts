// What of the audit log is asked for. Pure.

import { fromLocalInput } from "./times.ts";

/** The verbs of the log begin with one of these. */
export const FAMILIES = [
  "alert",
  "audit",
  "backup",
  "crew",
  "incident",
  "key",
  "media",
  "order",
  "patrol",
  "retention",
  "session",
  "tip",
  "token",
  "user",
  "webhook",
  "zone",
] as const;

export interface Wanted {
  who: string;
  what: string;
  about: string;
  /** As `<input type="datetime-local">` has them. */
  since: string;
  until: string;
}

/** Behind the `?`; what is empty is not asked for. */
export function queryOf({ who, what, about, since, until }: Wanted): string {
  const said = { who: who.trim(), what, about: about.trim(), since: fromLocalInput(since) ?? "", until: fromLocalInput(until) ?? "" };
  return new URLSearchParams(Object.entries(said).filter(([, value]) => value !== "")).toString();
}
