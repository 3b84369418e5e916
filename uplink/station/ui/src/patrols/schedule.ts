// When a patrol is due. The drone decides by its satellites' time; this is what a person expects of it. Pure.

import type { RepeatSection } from "./answers.ts";

const DAY_MS = 86_400_000;

/** The next time of the day, in ms since 1970; null where it goes by its last start, which only a drone knows. */
export function nextDaily(repeat: RepeatSection | null | undefined, nowMs: number): number | null {
  const today = Math.floor(nowMs / DAY_MS) * DAY_MS;
  const times = (repeat?.daily_utc ?? []).map(msOfDay).filter((ms) => ms !== null);
  const starts = times.flatMap((ms) => [today + ms, today + DAY_MS + ms]).filter((at) => at > nowMs);
  return starts.length > 0 ? Math.min(...starts) : null;
}

/** Of "06:00" or "06:00:00"; null where it is no time. */
export function msOfDay(text: string): number | null {
  const found = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?$/.exec(text.trim());
  if (!found) return null;
  const [h, min, s] = [Number(found[1]), Number(found[2]), Number(found[3] ?? 0)];
  return h < 24 && min < 60 && s < 60 ? ((h * 60 + min) * 60 + s) * 1000 : null;
}

/** "6:00, 18:30" as the station wants it; null where one of them is no time. */
export function timesOf(text: string): string[] | null {
  const parts = text.split(/[,，;\s]+/).filter(Boolean);
  const times = parts.map((part) => {
    const ms = msOfDay(part);
    return ms === null ? null : new Date(ms).toISOString().slice(11, 19);
  });
  return times.includes(null) ? null : [...new Set(times as string[])].sort();
}
