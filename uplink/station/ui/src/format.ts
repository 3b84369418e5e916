// Numbers and times in words that a pilot reads at a glance. Nothing here rounds an error down.

import type { Translate } from "./i18n.ts";
import type { ErrorEllipse, Position } from "./messages.ts";

const NONE = "–";

export function metres(value: number | null, digits = 0): string {
  return value === null ? NONE : `${value.toFixed(digits)} m`;
}

/** "± 12 m": the semi-major axis, rounded up. */
export function plusMinus(ellipse: ErrorEllipse): string {
  const m = ellipse.semi_major_m;
  if (m >= 1000) return `± ${(Math.ceil(m / 100) / 10).toFixed(1)} km`;
  return `± ${m >= 10 ? Math.ceil(m) : (Math.ceil(m * 10) / 10).toFixed(1)} m`;
}

/** "120 ± 40 m²": two digits of the error, no more of the value than it bears. */
export function squareMetres(value: number, sigma: number | null): string {
  if (sigma === null || sigma <= 0) return `${Math.round(value)} m²`;
  const step = 10 ** Math.max(0, Math.floor(Math.log10(sigma)) - 1);
  return `${Math.round(value / step) * step} ± ${Math.ceil(sigma / step) * step} m²`;
}

export function distance(value: number): string {
  return value < 1000 ? `${Math.round(value)} m` : `${(value / 1000).toFixed(2)} km`;
}

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
