// Shares, places and times in words that a pilot reads at a glance; measures.ts has what is measured.

import type { Translate } from "./i18n.ts";
import type { Position } from "./messages.ts";

const MOST_CERTAIN = 0.99;

export function percent(share: number): string {
  // A detector is never certain, whatever it says of itself.
  return share > MOST_CERTAIN ? `> ${MOST_CERTAIN * 100} %` : `${Math.round(share * 100)} %`;
}

/** A share of lost messages: one digit, and never 0 where some were lost. */
export function lossPercent(value: number): string {
  return (Math.ceil(value * 10) / 10).toFixed(1);
}

/** Latitude, longitude; five digits are about a metre. */
export function coordinates(position: Position): string {
  return `${position.lat_deg.toFixed(5)}, ${position.lon_deg.toFixed(5)}`;
}

/** Time of day in UTC, as radio and logs have it. */
export function utc(iso: string): string {
  if (Number.isNaN(Date.parse(iso))) return "–";
  return `${new Date(iso).toISOString().slice(11, 19)} UTC`;
}

/** "12 s", "4 min", "2 h 5 min", "3 d". */
export function duration(seconds: number, t: Translate): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 120) return t("seconds", { n: s });
  const min = Math.floor(s / 60);
  if (min < 60) return t("minutes", { n: min });
  const h = Math.floor(min / 60);
  if (h < 48) return t("hours", { h, min: min % 60 });
  return t("days", { n: Math.floor(h / 24) });
}

/** How long ago `iso` was; a time that lies ahead (clocks differ) is named and not counted. */
export function ago(iso: string, now: number, t: Translate): string {
  const seconds = (now - Date.parse(iso)) / 1000;
  return seconds < -5 ? utc(iso) : t("ago", { age: duration(seconds, t) });
}
