// The two clocks of an incident in words: how long is left, how long it is overdue, who met it and whether in time.
// Pure: told the station's time.

import { duration } from "../format.ts";
import type { Translate } from "../i18n.ts";
import type { Incident } from "../station.ts";
import { isOpen, isOverdue } from "./urgency.ts";

export type TargetName = "acknowledge" | "dispatch";
export type ClockTone = "met" | "late" | "overdue" | "running" | "off";

export interface Clock {
  readonly tone: ClockTone;
  readonly text: string;
}

export function clockOf(incident: Incident, name: TargetName, now: number, t: Translate): Clock {
  const target = incident[name];
  if (target.met_at !== null) {
    const who = target.by ?? "";
    const afterS = (Date.parse(target.met_at) - Date.parse(incident.reported_at)) / 1000;
    const text = t(`clock.${name}.met`, { who, age: duration(afterS, t) });
    return target.missed ? { tone: "late", text: `${text} · ${t("clockLate")}` } : { tone: "met", text };
  }
  if (!isOpen(incident) || incident.evidence === "withdrawn") return { tone: "off", text: "" };
  const leftS = (Date.parse(target.due_at) - now) / 1000;
  if (!isOverdue(incident, target, now)) {
    return { tone: "running", text: t(`clock.${name}.left`, { time: countdown(Math.max(0, leftS)) }) };
  }
  const text = t(`clock.${name}.over`, { time: countdown(Math.max(0, -leftS)) });
  return { tone: "overdue", text: target.level === null ? text : `${text} · ${t("clockLevel", { level: target.level })}` };
}

/** "2:05", "1:02:05": minutes and seconds, as a person counts them down. */
export function countdown(seconds: number): string {
  const s = Math.floor(seconds);
  const parts = [Math.floor(s / 60) % 60, s % 60].map((part) => String(part).padStart(2, "0"));
  return s >= 3600 ? `${Math.floor(s / 3600)}:${parts.join(":")}` : `${Number(parts[0])}:${parts[1]}`;
}
