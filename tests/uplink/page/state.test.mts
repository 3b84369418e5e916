import assert from "node:assert/strict";
import { test } from "node:test";
import type { DroneState, PatrolRoute } from "../../../uplink/station/ui/src/messages.ts";
import { crossingOf, deliveriesOf, EMPTY_WORLD, incidentOf, reduce, type World } from "../../../uplink/station/ui/src/state.ts";
import type { CrossedAlerts, Delivery, StationZone, LiveEvent, Snapshot } from "../../../uplink/station/ui/src/station.ts";
import { alert, incident, iso, NOW } from "./queue_makers.mts";


function drone(lon_deg: number, change: Partial<DroneState> = {}): DroneState {
  const position = { lat_deg: -35, lon_deg, alt_amsl_m: null, datum: "WGS84" as const };
  return { drone_id: "kestrel", at: "2026-07-01T11:00:00Z", position, ...change } as DroneState;
}

function delivery(change: Partial<Delivery>): Delivery {
  return { id: 1, subject_id: "a", revision: 1, endpoint: "hooks", state: "waiting", ...change } as Delivery;
}

function after(events: LiveEvent[], world: World = EMPTY_WORLD): World {
  return events.reduce((known, event) => reduce(known, event, NOW), world);
}

test("the highest revision of an alert wins, in any order", () => {
  const world = after([
    { type: "alert", data: alert({ revision: 3, looks: 30 }) },
    { type: "alert", data: alert({ revision: 2, looks: 20 }) },
  ]);
  assert.equal(Object.keys(world.alerts).length, 1);
  assert.equal(world.alerts["a"]?.looks, 30);
});

test("an alert without a position knows the best crossing that it has part in, until there is none", () => {
  const crossing = (...alert_ids: string[]): CrossedAlerts => ({ alert_ids }) as CrossedAlerts;
  const crossings = [crossing("a", "b", "c"), crossing("a", "d")];
  const world = after([{ type: "crossings", data: { crossings } }]);
  assert.deepEqual(crossingOf(world, "a")?.alert_ids, ["a", "b", "c"]);
  assert.deepEqual(crossingOf(world, "d")?.alert_ids, ["a", "d"]);
  assert.equal(crossingOf(world, "e"), null);
  assert.equal(crossingOf(after([{ type: "crossings", data: { crossings: [] } }], world), "a"), null);
});

test("an incident is replaced by what is newer, in whatever order an answer and a message come", () => {
  const world = after([
    { type: "incident", data: incident({ version: 3, state: "dispatched" }) },
    { type: "incident", data: incident({ version: 2, state: "acknowledged" }) },
    { type: "incident", data: incident({ version: 3, state: "dispatched", updated_at: iso(-60), probability: 0.1 }) },
  ]);
  assert.deepEqual([world.incidents["a"]?.state, world.incidents["a"]?.probability], ["dispatched", 0.9]);
});

test("an incident that became part of another is no more by itself, and is there again when they are split", () => {
  const two = [incident(), incident({ id: "b", alert_ids: ["alert-b"] })];
  const apart = after(two.map((data): LiveEvent => ({ type: "incident", data })));
  const one = after([{ type: "incident", data: incident({ version: 2, aliases: ["b"], alert_ids: ["alert-a", "alert-b"] }) }], apart);
  assert.deepEqual(Object.keys(one.incidents), ["a"]);
  assert.equal(incidentOf(one.incidents, "alert-b")?.id, "a");
  const again = after([{ type: "incident", data: incident({ version: 3 }) }, { type: "incident", data: incident({ id: "b" }) }], one);
  assert.deepEqual(Object.keys(again.incidents), ["a", "b"]);
});

test("the page knows how far the station's clock is ahead of its own", () => {
  const snapshot = { now: iso(90), drones: [], patrols: [], tracks: {}, alerts: [] } as unknown as Snapshot;
  assert.equal(after([{ type: "snapshot", data: snapshot }]).aheadMs, 90_000);
});

test("a snapshot replaces what was known and keeps deliveries", () => {
  const before = after([
    { type: "alert", data: alert({ id: "gone" }) },
    { type: "delivery", data: delivery({}) },
  ]);
  const world = after(
    [{ type: "snapshot", data: { now: iso(0), drones: [drone(149)], patrols: [], alerts: [alert()], tracks: { kestrel: [[149, -35]] } } }],
    before,
  );
  assert.deepEqual(Object.keys(world.alerts), ["a"]);
  assert.equal(deliveriesOf(world, "a").length, 1);
  assert.deepEqual(world.tracks["kestrel"], [[149, -35]]);
});

test("a drone from a snapshot is as old as it says, a drone heard live is new", () => {
  const old = after([{ type: "snapshot", data: { now: iso(0), drones: [drone(149)], patrols: [], alerts: [], tracks: {} } }]);
  assert.equal(old.drones["kestrel"]?.heardAt, Date.parse("2026-07-01T11:00:00Z"));
  assert.equal(after([{ type: "drone", data: drone(149) }], old).drones["kestrel"]?.heardAt, NOW);
});

test("a track grows with movement, not with noise, and not without bound", () => {
  const steps = Array.from({ length: 5000 }, (_, i): LiveEvent => ({ type: "drone", data: drone(149 + i * 1e-4) }));
  const world = after([...steps, { type: "drone", data: drone(149.4999 + 1e-7) }]);
  assert.equal(world.tracks["kestrel"]?.length, 4000);
  assert.equal(world.tracks["kestrel"]?.at(-1)?.[0], 149 + 4999 * 1e-4);
  assert.deepEqual(after([{ type: "drone", data: drone(149, { position: null }) }]).tracks, {});
});

test("what a message does not touch keeps its identity", () => {
  const before = after([{ type: "alert", data: alert() }]);
  const patrol = { drone_id: "kestrel" } as PatrolRoute;
  const world = after([{ type: "patrol", data: patrol }], before);
  assert.equal(world.alerts, before.alerts);
  assert.notEqual(world.patrols, before.patrols);
});

test("of an alert's deliveries the newest revision speaks, for each endpoint", () => {
  const world = after([
    { type: "delivery", data: delivery({ id: 3, revision: 2, state: "waiting" }) },
    { type: "delivery", data: delivery({ id: 1, revision: 1, state: "delivered" }) },
    { type: "delivery", data: delivery({ id: 2, revision: 1, endpoint: "other", state: "dead" }) },
    { type: "delivery", data: delivery({ id: 4, subject_id: "b" }) },
  ]);
  const states = deliveriesOf(world, "a").map((item) => [item.endpoint, item.state]);
  assert.deepEqual(states, [["hooks", "waiting"], ["other", "dead"]]);
});

test("a message of a newer station is passed over", () => {
  const strange = { type: "weather", data: {} } as unknown as LiveEvent;
  assert.equal(after([strange]), EMPTY_WORLD);
});

test("an alert that a zone lets go is there in the same revision", () => {
  const held = after([{ type: "alert", data: alert({ suppressed_by: "brickworks" }) }]);
  const free = after([{ type: "alert", data: alert({ suppressed_by: null }) }], held);
  assert.deepEqual([held, free].map(({ alerts }) => alerts["a"]?.suppressed_by), ["brickworks", null]);
});

test("zones come, change in any order, and go", () => {
  const zone = (change: Partial<StationZone>): LiveEvent => ({ type: "zone", data: { id: "z", version: 1, removed_at: null, ...change } as StationZone });
  const world = after([zone({ version: 2, name: "new" }), zone({ version: 1, name: "old" })]);
  assert.equal(world.zones["z"]?.name, "new");
  assert.deepEqual(after([zone({ version: 3, removed_at: "2026-07-01T12:00:00Z" })], world).zones, {});
});
