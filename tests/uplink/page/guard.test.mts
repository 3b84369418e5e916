import assert from "node:assert/strict";
import { test } from "node:test";
import { guarded, incidentIn } from "../../../uplink/station/ui/src/guard.ts";
import type { LiveEvent, Snapshot } from "../../../uplink/station/ui/src/station.ts";
import { incident } from "./queue_makers.mts";

const PLACE = { lat_deg: -35.36, lon_deg: 149.16, alt_amsl_m: null, datum: "WGS84" };
const AT = "2026-07-01T12:00:00Z";
const ALERT = {
  id: "a", drone_id: "kestrel", revision: 1, state: "confirmed", label: "fire", probability: 0.9,
  first_seen_at: AT, last_seen_at: AT, confirmed_at: AT, position: PLACE, ellipse: null, evidence: [],
};
const DRONE = { drone_id: "kestrel", at: AT, position: PLACE, footprint: [[149, -35]], alarms: ["a"], traffic: [], preflight: [], suppressed: [], orders: [] };

function say(type: string, data: unknown): ReturnType<typeof guarded> {
  return guarded({ type, data } as LiveEvent);
}

test("one bad element of a snapshot is left out and counted, and the others stay", () => {
  const bad = [{ ...ALERT, position: { lat_deg: "north" } }, { ...ALERT, confirmed_at: "yesterday" }, null, 7, { id: "b" }];
  const { value, dropped } = say("snapshot", { drones: [DRONE, {}], alerts: [ALERT, ...bad, { ...ALERT, id: "c" }], tracks: {} });
  const snapshot = value?.data as Snapshot;
  assert.deepEqual(snapshot.alerts.map(({ id }) => id), ["a", "c"]);
  assert.deepEqual(snapshot.drones.map(({ drone_id }) => drone_id), ["kestrel"]);
  assert.equal(dropped, 6);
  assert.deepEqual(snapshot.tips, [], "what an older station does not say is empty");
});

test("a drone with one bad report in it is still shown, without that report", () => {
  const other = { icao: "7C1234", lat_deg: -35, lon_deg: 149, distance_m: 900, bearing_deg: 4, cpa_distance_m: 3, cpa_in_s: 9 };
  const { value, dropped } = say("drone", { ...DRONE, traffic: [other, { ...other, distance_m: null }], footprint: [[149, -35], [149, NaN]] });
  assert.equal(dropped, 2);
  assert.deepEqual((value?.data as typeof DRONE).traffic, [other]);
  assert.deepEqual((value?.data as typeof DRONE).footprint, [[149, -35]]);
});

test("an event that is of no use is dropped, and one of a kind that is not known passes", () => {
  for (const data of [null, 7, [], {}, { ...ALERT, evidence: "none" }]) {
    assert.deepEqual(say("alert", data), { value: null, dropped: 1 });
  }
  assert.deepEqual(say("weather", { wind: 3 }), { value: { type: "weather", data: { wind: 3 } }, dropped: 0 });
  assert.equal(say("toString", {}).dropped, 0);
});

test("what is sound comes through as it was said", () => {
  for (const [type, data] of [["alert", ALERT], ["drone", DRONE]] as const) {
    assert.deepEqual(say(type, data), { value: { type, data }, dropped: 0 });
  }
});

test("an incident that cannot be shown empties no list, and one with a bad picture is shown without that", () => {
  const bad = [{ ...incident(), state: "strange" }, { ...incident(), acknowledge: null }, { ...incident(), alert_ids: 3 }];
  const { value, dropped } = say("snapshot", { incidents: [incident(), ...bad, incident({ id: "b" })] });
  assert.deepEqual((value?.data as Snapshot).incidents.map(({ id }) => id), ["a", "b"]);
  assert.equal(dropped, 3);
  assert.deepEqual(incidentIn({ ...incident(), photos: [{ sha256: "0" }] })?.photos, []);
  assert.deepEqual([null, "out", { stays: incident() }].map(incidentIn), [null, null, null]);
});
