// Whether what a drone has aboard is what is shown: by hash, of the items read back from its autopilot. Pure.

import type { Key } from "../i18n.ts";
import type { DroneState } from "../messages.ts";
import type { StoredPatrol } from "./answers.ts";

export interface Aboard {
  tone: "ok" | "warn" | "bad" | "";
  key: Key;
  values?: Record<string, string | number>;
}

export function aboard(state: DroneState, shown: StoredPatrol): Aboard {
  const patrol = state.patrol;
  if (!patrol) return { tone: "", key: "aboardNothing" };
  if (patrol.sent?.id !== shown.id) return { tone: "", key: "aboardOther", values: { name: patrol.name } };
  const flights = shown.preview.planned?.flights ?? [];
  if (patrol.sent.sha256 !== shown.ref?.sha256) {
    return { tone: "bad", key: "aboardVersion", values: { version: patrol.sent.version, shown: shown.version } };
  }
  const hash = patrol.plan_aboard_sha256;
  if (hash === null) return { tone: "warn", key: "aboardUnknown" };
  const index = flights.findIndex((flight) => flight.items_sha256 === hash);
  if (index < 0) {
    // What is left of an interrupted flight is no whole flight; the drone says whether it is that.
    return patrol.plan_matches === true && (patrol.item ?? 0) > 0
      ? { tone: "warn", key: "aboardRemainder", values: { number: patrol.flight } }
      : { tone: "bad", key: "aboardDiffers" };
  }
  if (index + 1 !== patrol.flight) return { tone: "warn", key: "aboardNextFlight", values: { number: patrol.flight } };
  return flights.length > 1
    ? { tone: "ok", key: "aboardFlight", values: { number: index + 1, count: flights.length } }
    : { tone: "ok", key: "aboardSame" };
}
