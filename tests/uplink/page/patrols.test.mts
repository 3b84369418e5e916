// Patrols: what is drawn, every step back, when one is due, and whether aboard is what is shown.

import assert from "node:assert/strict";
import test from "node:test";
import { aboard } from "../../../uplink/station/ui/src/patrols/aboard.ts";
import { asKind, begun, crossings, done, missing, newDraft, redone, sameDraft, toSend, undone, withImported } from "../../../uplink/station/ui/src/patrols/draft.ts";
import { drawnFeatures, plannedFeatures } from "../../../uplink/station/ui/src/patrols/map_features.ts";
import { profileOf } from "../../../uplink/station/ui/src/patrols/profile.ts";
import { nextDaily, timesOf } from "../../../uplink/station/ui/src/patrols/schedule.ts";
import { cornersOf, crossing, ringOf, withCorners, withRing } from "../../../uplink/station/ui/src/patrols/shapes.ts";

const SQUARE = [[0, 0], [0, 1], [1, 1], [1, 0]] as [number, number][];
const BOW = [[0, 0], [1, 1], [0, 1], [1, 0]] as [number, number][];

test("what is drawn is a ring of longitudes and latitudes on maps, and the drawing before is untouched", () => {
  const before = withCorners(newDraft("a").patrol, "area", SQUARE);
  assert.deepEqual(ringOf(before, "area")[1], [1, 0]);
  const drawn = withRing(before, "area", [...ringOf(before, "area"), [7, 8]]);
  assert.deepEqual(cornersOf(drawn, "area").at(-1), [8, 7]);
  assert.deepEqual(cornersOf(before, "area"), SQUARE);
  assert.deepEqual(cornersOf(withRing(before, "home", [[1, 2], [4, 3]]), "home"), [[3, 4]]);
});

test("a zone without corners is none, and the others keep their place", () => {
  const two = withCorners(withCorners(newDraft("a").patrol, "no-fly:0", SQUARE), "no-fly:1", BOW);
  assert.deepEqual(withCorners(two, "no-fly:0", []).no_fly, [BOW]);
  assert.equal(withCorners({ ...two, fence: SQUARE }, "fence", []).fence, null);
});

test("sides that cross are found, with the place", () => {
  assert.equal(crossing(SQUARE), null);
  assert.deepEqual(crossing(BOW), [0.5, 0.5]);
  const drawn = { patrol: { name: "a", area: SQUARE, no_fly: [BOW] } };
  assert.deepEqual(crossings(drawn), [{ shape: "no-fly:0", at: [0.5, 0.5] }]);
});

test("a new patrol says one after the other what it lacks", () => {
  const draft = newDraft("ridge");
  assert.equal(missing({ patrol: { ...draft.patrol, name: " " } }), "patrolNeedsName");
  assert.equal(missing(draft), "patrolNeedsArea");
  const area = { patrol: { ...draft.patrol, area: SQUARE } };
  assert.equal(missing(area), "patrolNeedsHome");
  const whole = { patrol: { ...area.patrol, home: [1, 2] as [number, number] } };
  assert.equal(missing(whole), "");
  assert.equal(missing({ patrol: { ...whole.patrol, fence: SQUARE.slice(0, 2) } }), "patrolNeedsFence");
  assert.equal(missing({ patrol: { name: "a", plan: "a.plan" }, plan_text: "{}" }), "");
});

test("what is empty is not sent, and makes no difference", () => {
  const draft = { patrol: { ...newDraft("a").patrol, area: SQUARE, fence: null, no_fly: [], direction_deg: null } };
  assert.equal("fence" in toSend(draft).patrol, false);
  assert.equal("direction_deg" in toSend(draft).patrol, false);
  assert.equal(sameDraft(draft, { patrol: { ...newDraft("a").patrol, area: SQUARE } }), true);
  assert.equal(sameDraft(draft, { patrol: { ...draft.patrol, area: BOW } }), false);
});

test("the same corners become an area, a line or points", () => {
  const patrol = { name: "a", area: SQUARE };
  assert.deepEqual(asKind(patrol, "corridor"), { name: "a", corridor: { line: SQUARE, width_m: 60 } });
  assert.deepEqual(asKind(asKind(patrol, "points"), "area"), patrol);
});

test("an import replaces what was drawn and keeps how it is flown", () => {
  const draft = { patrol: { ...newDraft("a").patrol, speed_m_s: 5, home: [1, 2] as [number, number] } };
  const found = { name: "north", patrol: null, plan_text: null, area: SQUARE, corridor: null, notes: [] };
  const { patrol } = withImported(draft, found);
  assert.deepEqual([patrol.name, patrol.area, patrol.speed_m_s, patrol.home], ["north", SQUARE, 5, [1, 2]]);
  const plan = { ...found, area: null, patrol: { name: "b", plan: "b.plan" }, plan_text: "{}" };
  assert.deepEqual(withImported(draft, plan), { patrol: plan.patrol, plan_text: "{}" });
  assert.equal(withImported(withImported(draft, plan), found).patrol.plan, undefined);
});

test("every step is taken back and done again; what is typed or dragged in one go is one step", () => {
  const [a, b, c, d] = ["a", "b", "c", "d"].map(newDraft) as [ReturnType<typeof newDraft>, ...ReturnType<typeof newDraft>[]];
  let steps = done(begun(a), b!, "name", 1000);
  steps = done(steps, c!, "name", 1500);
  steps = done(steps, d!, "", 1600);
  assert.equal(undone(steps).now, c);
  assert.equal(undone(undone(steps)).now, a);
  assert.equal(undone(undone(undone(steps))).now, a);
  assert.equal(redone(undone(steps)).now, d);
  assert.equal(redone(done(undone(steps), b!, "", 9000)).now, b, "what was taken back is gone once something else was done");
});

test("a way that is dragged is one step however slowly it goes, and the next one is another", () => {
  let steps = done(begun(newDraft("a")), newDraft("b"), "drag 1", 0);
  steps = done(steps, newDraft("c"), "drag 1", 60_000);
  steps = done(steps, newDraft("d"), "drag 2", 60_100);
  assert.equal(undone(steps).now.patrol.name, "c");
  assert.equal(undone(undone(steps)).now.patrol.name, "a");
});

test("the next time of the day is today or tomorrow", () => {
  const repeat = { daily_utc: ["06:00:00", "18:30:00"] };
  const at = (text: string): number => Date.parse(`2026-07-01T${text}Z`);
  assert.equal(nextDaily(repeat, at("05:59:00")), at("06:00:00"));
  assert.equal(nextDaily(repeat, at("06:00:00")), at("18:30:00"));
  assert.equal(nextDaily(repeat, at("19:00:00")), Date.parse("2026-07-02T06:00:00Z"));
  assert.equal(nextDaily({ every_min: 60 }, at("05:00:00")), null);
  assert.deepEqual(timesOf("18:30，6:00 06:00"), ["06:00:00", "18:30:00"]);
  assert.equal(timesOf("6:00, noon"), null);
  assert.equal(timesOf("24:00"), null);
});

test("a profile has a line and the ground where it is known", () => {
  const point = (along_m: number, alt_amsl_m: number, ground_amsl_m: number | null) => ({ along_m, alt_amsl_m, ground_amsl_m });
  const profile = profileOf([point(0, 600, 590), point(100, 650, 600), point(200, 650, null), point(300, 650, 610), point(400, 600, 590)], 400, 100)!;
  assert.equal(profile.ground.length, 2);
  assert.deepEqual([profile.lowest_m, profile.highest_m, profile.length_m], [590, 650, 400]);
  assert.match(profile.line, /^M0\.0,/);
  assert.equal(profileOf([], 400, 100), null);
});

test("the map has what is drawn, and marks the flight that is looked at", () => {
  const drawn = drawnFeatures({ patrol: { name: "a", area: SQUARE, no_fly: [{ center: [1, 1], radius_m: 50 }] } });
  assert.deepEqual(drawn.features.map(({ properties }) => properties!["kind"]), ["no-fly", "area"]);
  const flight = { route: [[0, 0], [1, 1]] };
  const planned = { flights: [flight, flight], problems: [{ lat_deg: null, lon_deg: null, what: "all" }], unseen: [] };
  const shown = plannedFeatures(planned as never, 1).features;
  assert.deepEqual(shown.map(({ properties }) => properties!["faint"]), [true, false]);
});

const SHOWN = {
  id: "p", version: 2, ref: { sha256: "new" },
  preview: { planned: { flights: [{ items_sha256: "one" }, { items_sha256: "two" }] } },
} as never;

function state(patrol: object | null): never {
  const usual = { name: "ridge", sent: { id: "p", version: 2, sha256: "new" }, plan_aboard_sha256: "one", plan_matches: true, flight: 1, item: 0 };
  return { patrol: patrol && { ...usual, ...patrol } } as never;
}

test("aboard is what is shown only by the hash of what was read back", () => {
  assert.equal(aboard(state(null), SHOWN).key, "aboardNothing");
  assert.deepEqual(aboard(state({}), SHOWN), { tone: "ok", key: "aboardFlight", values: { number: 1, count: 2 } });
  assert.equal(aboard(state({ sent: null }), SHOWN).key, "aboardOther");
  assert.equal(aboard(state({ sent: { id: "p", version: 1, sha256: "old" } }), SHOWN).tone, "bad");
  assert.equal(aboard(state({ plan_aboard_sha256: null }), SHOWN).key, "aboardUnknown");
  assert.equal(aboard(state({ plan_aboard_sha256: "other" }), SHOWN).key, "aboardDiffers", "whatever the drone says");
  assert.equal(aboard(state({ plan_aboard_sha256: "other", item: 9 }), SHOWN).key, "aboardRemainder");
  assert.equal(aboard(state({ plan_aboard_sha256: "other", item: 9, plan_matches: false }), SHOWN).tone, "bad");
  assert.equal(aboard(state({ flight: 2 }), SHOWN).key, "aboardNextFlight");
});
