// Looks at what the station says before it becomes part of the page: an element that cannot be shown is left
// out and counted, and takes none of its neighbours with it. Pure.
//
// Only what everything else relies on is looked at: that what is drawn are numbers, what is counted are lists,
// what has an id has one. A newer station may say more, and what is not known here passes as it is.

import type { Incident, LiveEvent } from "./station.ts";

/** What came through, and how many elements did not. */
export interface Guarded<Value> {
  readonly value: Value | null;
  readonly dropped: number;
}

/** `undefined`: it cannot be shown. Lists inside of it lose what cannot be, and tell `lost`. */
type Check = (value: unknown, lost: () => void) => unknown;

const text: Check = (value) => (typeof value === "string" ? value : undefined);
const number: Check = (value) => (typeof value === "number" && Number.isFinite(value) ? value : undefined);
const time: Check = (value) => (typeof value === "string" && !Number.isNaN(Date.parse(value)) ? value : undefined);

function oneOf(...words: readonly string[]): Check {
  return (value) => (words.includes(value as string) ? value : undefined);
}

function maybe(check: Check): Check {
  return (value, lost) => (value === null || value === undefined ? null : check(value, lost));
}

function pair(value: unknown): unknown {
  return Array.isArray(value) && value.length === 2 && value.every((one) => number(one, ignore) !== undefined) ? value : undefined;
}

function list(check: Check): Check {
  return (value, lost) => {
    if (value === null || value === undefined) return []; // an older station does not say it
    if (!Array.isArray(value)) return undefined;
    const sound = value.map((one) => check(one, lost)).filter((one) => one !== undefined);
    for (let n = sound.length; n < value.length; n++) lost();
    return sound;
  };
}

function thing(fields: Readonly<Record<string, Check>>): Check {
  return (value, lost) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    const sound: Record<string, unknown> = { ...value };
    for (const [name, check] of Object.entries(fields)) {
      const field = check(sound[name], lost);
      if (field === undefined) return undefined;
      sound[name] = field;
    }
    return sound;
  };
}

const place = thing({ lat_deg: number, lon_deg: number });
const ellipse = thing({ semi_major_m: number, semi_minor_m: number, orientation_deg: number });
const picture = thing({ sha256: text, width_px: number, height_px: number });
const ofDrone = { drone_id: text };

const alert = thing({
  ...ofDrone,
  id: text,
  revision: number,
  state: text,
  label: text,
  probability: number,
  first_seen_at: time,
  last_seen_at: time,
  confirmed_at: time,
  position: maybe(place),
  ellipse: maybe(ellipse),
  evidence: list(picture),
});

const drone = thing({
  ...ofDrone,
  at: time,
  position: maybe(place),
  footprint: list(pair),
  alarms: list(text),
  traffic: list(thing({ icao: text, lat_deg: number, lon_deg: number, distance_m: number, bearing_deg: number, cpa_distance_m: number, cpa_in_s: number })),
  preflight: list(thing({ name: text })),
  suppressed: list(thing({ hotspot_id: text, position: place })),
  orders: list(thing({ order_id: text })),
});

const target = thing({ due_at: time, met_at: maybe(time) });
const incident = thing({
  id: text,
  version: number,
  state: oneOf("new", "acknowledged", "dispatched", "resolved", "false alarm"),
  label: oneOf("fire", "smoke"),
  probability: number,
  first_seen_at: time,
  last_seen_at: time,
  reported_at: time,
  updated_at: time,
  closed_at: maybe(time),
  position: maybe(place),
  ellipse: maybe(ellipse),
  alert_ids: list(text),
  drone_ids: list(text),
  photos: list(picture),
  units: list(text),
  aliases: list(text),
  acknowledge: target,
  dispatch: target,
});

const crossing = thing({ alert_ids: list(text), position: place, ellipse });

const KINDS: Readonly<Record<LiveEvent["type"], Check>> = {
  alert,
  drone,
  incident,
  patrol: thing({ ...ofDrone, name: text, route: list(pair) }),
  ground: thing({ ...ofDrone, fence: list(thing({})), ignore_zones: list(thing({})), home: maybe(place), rally: list(place), area: list(pair) }),
  searched: thing({ ...ofDrone, columns: number, rows: number, cells: text, began: time }),
  delivery: thing({ id: number, subject_id: text, endpoint: text, state: text }),
  lease: thing(ofDrone),
  order: thing({ ...ofDrone, id: text, kind: text, at: time, fate: text }),
  tip: thing({ id: text, kind: text, state: text, place, received_at: time, near: list(thing({})), alert_ids: list(text) }),
  zone: thing({ id: text, name: text, ring: list(pair) }),
  crossings: thing({ crossings: list(crossing) }),
  snapshot: (value, lost) => SNAPSHOT(value, lost),
};

const SNAPSHOT = thing({
  drones: list(drone),
  patrols: list(KINDS.patrol),
  grounds: list(KINDS.ground),
  searched: list(KINDS.searched),
  alerts: list(alert),
  incidents: list(incident),
  crossings: list(crossing),
  tracks: (value) => (typeof value === "object" && value !== null ? value : {}),
  leases: list(KINDS.lease),
  orders: list(KINDS.order),
  tips: list(KINDS.tip),
  zones: list(KINDS.zone),
});

function ignore(): void {}

/** `null` where the event itself is of no use. Kinds that this page does not know pass. */
export function guarded(event: LiveEvent): Guarded<LiveEvent> {
  let dropped = 0;
  const check = Object.hasOwn(KINDS, event.type) ? KINDS[event.type] : thing({});
  const data = check(event.data, () => dropped++);
  if (data === undefined) return { value: null, dropped: dropped + 1 };
  return { value: { ...event, data } as LiveEvent, dropped };
}

/** An incident that the station answered; null where it is none that can be shown. */
export function incidentIn(answer: unknown): Incident | null {
  return (incident(answer, ignore) as Incident | undefined) ?? null;
}
