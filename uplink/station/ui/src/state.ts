// What the page knows of the world, and how a message changes it. Pure: no clock, no socket, no page.
// A part that a message does not touch keeps its identity, so that the map redraws only what changed.

import type { DroneGround, DroneState, LonLat, PatrolRoute, SearchedGround } from "./messages.ts";
import type { CrossedAlerts, Delivery, Incident, StationZone, LeaseState, LiveEvent, LoggedOrder, Snapshot, StoredAlert, Tip, TipState } from "./station.ts";

export interface HeardDrone {
  readonly state: DroneState;
  /** When the page heard it, ms since 1970: by the page's clock, for display only. */
  readonly heardAt: number;
}

export interface World {
  /** How far the station's clock is ahead of the page's. */
  readonly aheadMs: number;
  /** By id: what is open, and what was closed while the page looked. */
  readonly incidents: Readonly<Record<string, Incident>>;
  readonly drones: Readonly<Record<string, HeardDrone>>;
  readonly patrols: Readonly<Record<string, PatrolRoute>>;
  /** By drone: fence, zones, home. */
  readonly grounds: Readonly<Record<string, DroneGround>>;
  /** By drone: what its camera has seen of the ground. */
  readonly searched: Readonly<Record<string, SearchedGround>>;
  readonly alerts: Readonly<Record<string, StoredAlert>>;
  /** Of alerts that know only a direction; of the most cameras first. */
  readonly crossings: readonly CrossedAlerts[];
  readonly tracks: Readonly<Record<string, readonly LonLat[]>>;
  /** By id: one for each webhook event and endpoint. */
  readonly deliveries: Readonly<Record<string, Delivery>>;
  /** By drone: who may give it orders. */
  readonly leases: Readonly<Record<string, LeaseState>>;
  /** By id. */
  readonly orders: Readonly<Record<string, LoggedOrder>>;
  /** By id: those that somebody may still do something about. */
  readonly tips: Readonly<Record<string, Tip>>;
  /** By id: the station's ignore zones that nobody has removed. */
  readonly zones: Readonly<Record<string, StationZone>>;
}

export const EMPTY_WORLD: World = {
  aheadMs: 0,
  incidents: {},
  drones: {},
  patrols: {},
  grounds: {},
  searched: {},
  alerts: {},
  crossings: [],
  tracks: {},
  deliveries: {},
  leases: {},
  orders: {},
  tips: {},
  zones: {},
};

const ORDERS_MAX = 100;
const TRACK_POINTS_MAX = 4000;
const TRACK_STEP_DEG = 1e-5; // about a metre

export function reduce(world: World, event: LiveEvent, now: number): World {
  switch (event.type) {
    case "snapshot":
      return fromSnapshot(world, event.data, now);
    case "drone":
      return withDrone(world, event.data, now);
    case "patrol":
      return { ...world, patrols: { ...world.patrols, [event.data.drone_id]: event.data } };
    case "ground":
      return { ...world, grounds: { ...world.grounds, [event.data.drone_id]: event.data } };
    case "searched":
      return { ...world, searched: { ...world.searched, [event.data.drone_id]: event.data } };
    case "alert":
      return withAlert(world, event.data);
    case "incident":
      return withIncident(world, event.data);
    case "delivery":
      return withDelivery(world, event.data);
    case "lease":
      return { ...world, leases: { ...world.leases, [event.data.drone_id]: event.data } };
    case "order":
      return { ...world, orders: withOrder(world.orders, event.data) };
    case "tip":
      return { ...world, tips: withTip(world.tips, event.data) };
    case "zone":
      return { ...world, zones: withZone(world.zones, event.data) };
    case "crossings":
      return { ...world, crossings: event.data.crossings };
    default:
      return world; // a newer station may say more than this page knows
  }
}

function fromSnapshot(world: World, snapshot: Snapshot, now: number): World {
  const drones: Record<string, HeardDrone> = {};
  for (const state of snapshot.drones) {
    drones[state.drone_id] = { state, heardAt: Math.min(now, Date.parse(state.at)) };
  }
  let next: World = {
    aheadMs: Date.parse(snapshot.now) - now || 0,
    incidents: {},
      drones,
    patrols: Object.fromEntries(snapshot.patrols.map((patrol) => [patrol.drone_id, patrol])),
    grounds: Object.fromEntries((snapshot.grounds ?? []).map((ground) => [ground.drone_id, ground])),
    searched: Object.fromEntries((snapshot.searched ?? []).map((ground) => [ground.drone_id, ground])),
    tracks: { ...snapshot.tracks },
    alerts: {},
    crossings: snapshot.crossings ?? [],
    deliveries: world.deliveries,
    leases: Object.fromEntries((snapshot.leases ?? []).map((lease) => [lease.drone_id, lease])),
    orders: (snapshot.orders ?? []).reduce(withOrder, {} as World["orders"]),
    tips: (snapshot.tips ?? []).reduce(withTip, {} as World["tips"]),
    zones: (snapshot.zones ?? []).reduce(withZone, {} as World["zones"]),
  };
  for (const alert of snapshot.alerts) next = withAlert(next, alert);
  for (const incident of snapshot.incidents ?? []) next = withIncident(next, incident);
  return next;
}

function withDrone(world: World, state: DroneState, now: number): World {
  const id = state.drone_id;
  const drones = { ...world.drones, [id]: { state, heardAt: now } };
  const tracks = state.position
    ? withPoint(world.tracks, id, [state.position.lon_deg, state.position.lat_deg])
    : world.tracks;
  return { ...world, drones, tracks };
}

function withPoint(tracks: World["tracks"], id: string, point: LonLat): World["tracks"] {
  const track = tracks[id] ?? [];
  const last = track.at(-1);
  if (last && Math.hypot(last[0] - point[0], last[1] - point[1]) < TRACK_STEP_DEG) return tracks;
  return { ...tracks, [id]: [...track.slice(1 - TRACK_POINTS_MAX), point] };
}

/** Revisions may come in any order: the highest wins. What a zone lets go comes again in the same one. */
function withAlert(world: World, alert: StoredAlert): World {
  const known = world.alerts[alert.id];
  if (known && known.revision > alert.revision) return world;
  if (known?.revision === alert.revision && known.suppressed_by === alert.suppressed_by) return world;
  return { ...world, alerts: { ...world.alerts, [alert.id]: alert } };
}

/** An answer may overtake a message: the newer one stays. What has become part of another is no more by itself. */
function withIncident(world: World, incident: Incident): World {
  const known = world.incidents[incident.id];
  if (known && isOlder(incident, known)) return world;
  const incidents = { ...world.incidents, [incident.id]: incident };
  for (const alias of incident.aliases) delete incidents[alias];
  return { ...world, incidents };
}

function isOlder(a: Incident, b: Incident): boolean {
  return a.version === b.version ? Date.parse(a.updated_at) < Date.parse(b.updated_at) : a.version < b.version;
}

function withDelivery(world: World, delivery: Delivery): World {
  return { ...world, deliveries: { ...world.deliveries, [delivery.id]: delivery } };
}

function withOrder(orders: World["orders"], order: LoggedOrder): World["orders"] {
  const all = { ...orders, [order.id]: order };
  for (const id of Object.keys(all).slice(0, -ORDERS_MAX)) delete all[id];
  return all;
}

const SETTLED: readonly TipState[] = ["closed", "dismissed", "expired"];

function withTip(tips: World["tips"], tip: Tip): World["tips"] {
  const { [tip.id]: _, ...others } = tips;
  return SETTLED.includes(tip.state) ? others : { ...others, [tip.id]: tip };
}

function withZone(zones: World["zones"], zone: StationZone): World["zones"] {
  const { [zone.id]: known, ...others } = zones;
  if (known && known.version > zone.version) return zones;
  return zone.removed_at ? others : { ...others, [zone.id]: zone };
}

/** What waits for somebody before what is under way or was looked at; the newest first. */
export function tipsOf(world: World): Tip[] {
  const rank = (tip: Tip): number => (tip.state === "open" ? 0 : 1);
  return Object.values(world.tips).sort(
    (a, b) => rank(a) - rank(b) || Date.parse(b.received_at) - Date.parse(a.received_at),
  );
}

/** What was asked of one drone, the newest first. */
export function ordersOf(world: World, droneId: string): LoggedOrder[] {
  return Object.values(world.orders)
    .filter((order) => order.drone_id === droneId)
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
}

/** The incident of this id, or that this alert is in. */
export function incidentOf(incidents: World["incidents"], id: string): Incident | null {
  return incidents[id] ?? Object.values(incidents).find(({ alert_ids }) => alert_ids.includes(id)) ?? null;
}

/** Where the lines of sight of this alert and others cross: the best of them. */
export function crossingOf(world: World, alertId: string): CrossedAlerts | null {
  return world.crossings.find((crossing) => crossing.alert_ids.includes(alertId)) ?? null;
}

/** The newest delivery about an alert or an incident, by endpoint. */
export function deliveriesOf(world: World, subjectId: string): Delivery[] {
  const newest = new Map<string, Delivery>();
  for (const delivery of Object.values(world.deliveries)) {
    if (delivery.subject_id !== subjectId) continue;
    const known = newest.get(delivery.endpoint);
    if (!known || isNewer(delivery, known)) newest.set(delivery.endpoint, delivery);
  }
  return [...newest.values()];
}

/** One version of an incident can be told several times. */
function isNewer(a: Delivery, b: Delivery): boolean {
  return a.revision === b.revision ? a.id >= b.id : a.revision > b.revision;
}
