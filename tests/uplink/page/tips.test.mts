import assert from "node:assert/strict";
import { test } from "node:test";
import { apart, circleRing, offset } from "../../../uplink/station/ui/src/geo.ts";
import { tipExtent, tipFeatures, worldExtent } from "../../../uplink/station/ui/src/map/features.ts";
import type { DroneState, PatrolPhase, PatrolProgress, Position } from "../../../uplink/station/ui/src/messages.ts";
import { droneFor, may, permit, YES, type Circumstances, type Permit } from "../../../uplink/station/ui/src/permits.ts";
import { EMPTY_WORLD, reduce, tipsOf, type World } from "../../../uplink/station/ui/src/state.ts";
import type { Snapshot, Tip } from "../../../uplink/station/ui/src/station.ts";

const HOME: Position = { lat_deg: -35.363262, lon_deg: 149.165237, alt_amsl_m: null, datum: "WGS84" };
const MINE: Circumstances = { role: YES, holding: "mine", heard: true, orders: [] };
const NO: Permit = { why: "whyLease", detail: "" };

function tip(change: Partial<Tip> = {}): Tip {
  const usual = { id: "a", state: "open", received_at: "2026-07-01T12:00:00Z", place: HOME, radius_m: 100 };
  return { ...usual, ...change } as Tip;
}

function after(tips: Tip[], world: World = EMPTY_WORLD): World {
  return tips.reduce((known, data) => reduce(known, { type: "tip", data }, 0), world);
}

function drone(drone_id: string, change: Partial<DroneState> = {}, phase: PatrolPhase = "flying"): { state: DroneState } {
  const patrol = { phase } as PatrolProgress;
  return { state: { drone_id, fixed: false, control: "granted", patrol, preflight: [], ...change } as DroneState };
}

test("tips wait in the order they came, what is looked at already comes after, and what is settled is gone", () => {
  const later = tip({ id: "b", received_at: "2026-07-01T12:05:00Z" });
  const world = after([tip(), later, tip({ id: "c", received_at: "2026-07-01T12:09:00Z", state: "looked at" })]);
  assert.deepEqual(tipsOf(world).map(({ id }) => id), ["b", "a", "c"]);
  for (const state of ["closed", "dismissed", "expired"] as const) {
    assert.deepEqual(tipsOf(after([tip({ id: "b", state })], world)).map(({ id }) => id), ["a", "c"], state);
  }
  const snapshot = { drones: [], patrols: [], alerts: [], tracks: {}, tips: [tip({ id: "z" })] } as unknown as Snapshot;
  assert.deepEqual(tipsOf(reduce(world, { type: "snapshot", data: snapshot }, 0)).map(({ id }) => id), ["z"]);
});

test("a drone is sent from its patrol in the air only, with control and a grant, and a fixed camera never", () => {
  const phases: PatrolPhase[] =
    ["waiting", "ready", "flying", "paused", "looking again", "returning", "done", "interrupted"];
  const allowed = phases.filter((phase) => may(permit("look at", drone("k", {}, phase).state, MINE)));
  assert.deepEqual(allowed, ["flying"]);
  assert.equal(permit("look at", drone("k").state, { ...MINE, holding: "free" }).why, "whyLease");
  assert.equal(permit("look at", drone("k", { control: "hands off" }).state, MINE).why, "whyGrantFirst");
  assert.equal(permit("look at", drone("k", { patrol: null }).state, MINE).why, "whyNoPatrol");
  assert.equal(permit("look at", drone("k", { fixed: true }).state, MINE).why, "whyFixed");
});

test("the nearest drone that may go is offered, else the one in hand with its reason, and never a camera", () => {
  const [mast, near, far] = [drone("mast", { fixed: true }), drone("near"), drone("far")];
  const away = ({ state }: { state: DroneState }): number => (state.drone_id === "far" ? 900 : 100);
  const every = [mast, far, near];
  assert.equal(droneFor(every, far, away, () => YES), near);
  assert.equal(droneFor(every, near, away, (one) => (one === far ? YES : NO)), far);
  assert.equal(droneFor(every, far, away, () => NO), far);
  assert.equal(droneFor(every, mast, away, () => NO), far);
  assert.equal(droneFor([mast], mast, away, () => YES), null);
});

test("a tip's circle is drawn true to scale and belongs to what is shown when the page opens", () => {
  const edge = ([lon_deg, lat_deg]: readonly number[]): number =>
    apart(HOME, { ...HOME, lon_deg: lon_deg ?? 0, lat_deg: lat_deg ?? 0 });
  for (const point of circleRing(HOME, 250)) assert.ok(Math.abs(edge(point) - 250) < 0.5);
  const [lon_deg, lat_deg] = offset(HOME, 300, 400);
  assert.ok(Math.abs(edge([lon_deg, lat_deg]) - 500) < 1);
  const [drawn] = tipFeatures([tip({ state: "taken" })], "a").features;
  assert.deepEqual(drawn?.properties, { id: "a", waits: false, selected: true });
  assert.deepEqual(worldExtent(after([tip()])), tipExtent(tip()));
});
