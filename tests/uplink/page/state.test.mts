import assert from "node:assert/strict";
import { test } from "node:test";
import type { DroneState, PatrolRoute } from "../../../uplink/station/ui/src/messages.ts";
import { crossingOf, deliveriesOf, EMPTY_WORLD, queue, reduce, type World } from "../../../uplink/station/ui/src/state.ts";
import type { CrossedAlerts, Delivery, StationZone, LiveEvent, StoredAlert } from "../../../uplink/station/ui/src/station.ts";

const NOW = Date.parse("2026-07-01T12:00:00Z");

function alert(change: Partial<StoredAlert> = {}): StoredAlert {
  return { id: "a", revision: 1, state: "confirmed", confirmed_at: "2026-07-01T11:59:00Z", ...change } as StoredAlert;
}

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

test("the queue shows what burns before what is over, the newest first", () => {
  const world = after([
    { type: "alert", data: alert({ id: "old", confirmed_at: "2026-07-01T11:00:00Z" }) },
    { type: "alert", data: alert({ id: "withdrawn", state: "withdrawn", confirmed_at: "2026-07-01T11:58:00Z" }) },
    { type: "alert", data: alert({ id: "lost", state: "lost", confirmed_at: "2026-07-01T11:59:30Z" }) },
    { type: "alert", data: alert({ id: "new", confirmed_at: "2026-07-01T11:30:00Z" }) },
  ]);
  assert.deepEqual(queue(world).map((item) => item.id), ["new", "old", "lost", "withdrawn"]);
});

test("a snapshot replaces what was known and keeps deliveries", () => {
  const before = after([
    { type: "alert", data: alert({ id: "gone" }) },
    { type: "delivery", data: delivery({}) },
  ]);
  const world = after(
    [{ type: "snapshot", data: { drones: [drone(149)], patrols: [], alerts: [alert()], tracks: { kestrel: [[149, -35]] } } }],
    before,
  );
  assert.deepEqual(Object.keys(world.alerts), ["a"]);
  assert.equal(deliveriesOf(world, "a").length, 1);
  assert.deepEqual(world.tracks["kestrel"], [[149, -35]]);
});

test("a drone from a snapshot is as old as it says, a drone heard live is new", () => {
  const old = after([{ type: "snapshot", data: { drones: [drone(149)], patrols: [], alerts: [], tracks: {} } }]);
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

test("what a zone holds back is not in the queue, and is there again in the same revision once it is let go", () => {
  const held = after([{ type: "alert", data: alert({ suppressed_by: "brickworks" }) }]);
  assert.deepEqual(queue(held), []);
  assert.equal(Object.keys(held.alerts).length, 1);
  const free = after([{ type: "alert", data: alert({ suppressed_by: null }) }], held);
  assert.deepEqual(queue(free).map((one) => one.id), ["a"]);
});

test("zones come, change in any order, and go", () => {
  const zone = (change: Partial<StationZone>): LiveEvent => ({ type: "zone", data: { id: "z", version: 1, removed_at: null, ...change } as StationZone });
  const world = after([zone({ version: 2, name: "new" }), zone({ version: 1, name: "old" })]);
  assert.equal(world.zones["z"]?.name, "new");
  assert.deepEqual(after([zone({ version: 3, removed_at: "2026-07-01T12:00:00Z" })], world).zones, {});
});
