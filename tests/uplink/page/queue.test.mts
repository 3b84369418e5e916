import assert from "node:assert/strict";
import { test } from "node:test";
import { translator } from "../../../uplink/station/ui/src/i18n.ts";
import { clockOf, countdown } from "../../../uplink/station/ui/src/queue/clocks.ts";
import { count, EVERYTHING, matches, queryOf, type Filter } from "../../../uplink/station/ui/src/queue/filters.ts";
import { arrange, byUrgency, isLate, nextTarget } from "../../../uplink/station/ui/src/queue/urgency.ts";
import type { Incident } from "../../../uplink/station/ui/src/station.ts";
import { acknowledged, dispatched, HOME, incident, iso, met, NOW, resolved, target } from "./queue_makers.mts";

const en = translator("en");
const around = { now: NOW, view: null, nameOf: (id: string): string => (id === "kestrel" ? "Kestrel One" : id) };

function order(...incidents: Incident[]): string[] {
  return byUrgency(incidents, NOW).map(({ id }) => id);
}

function fits(one: Incident, filter: Partial<Filter>): boolean {
  return matches(one, { ...EVERYTHING, ...filter }, around);
}

test("what nobody has seen and is overdue comes first, then by how far people are, and what is taken back last", () => {
  const late = incident({ id: "overdue", acknowledge: target(-10), probability: 0.1, label: "smoke" });
  const open = [
    dispatched({ id: "dispatched" }),
    incident({ id: "withdrawn", evidence: "withdrawn", acknowledge: target(-500) }),
    acknowledged({ id: "acknowledged" }),
    acknowledged({ id: "dispatch overdue", dispatch: target(-1), label: "smoke" }),
    incident({ id: "new" }),
    late,
  ];
  assert.deepEqual(order(...open), ["overdue", "new", "dispatch overdue", "acknowledged", "dispatched", "withdrawn"]);
});

test("of those equally far fire goes before smoke, then what grows faster, then what is surer, then what waits longer", () => {
  const same = [
    incident({ id: "smoke", label: "smoke", growth_m2_per_min: 99, probability: 0.99 }),
    incident({ id: "sure", probability: 0.95 }),
    incident({ id: "waits longer", reported_at: iso(-100) }),
    incident({ id: "plain" }),
    incident({ id: "grows", growth_m2_per_min: 5, probability: 0.5 }),
    incident({ id: "lost", evidence: "lost", growth_m2_per_min: 50 }),
  ];
  assert.deepEqual(order(...same), ["grows", "sure", "waits longer", "plain", "lost", "smoke"]);
});

test("the station's clock decides what is late, and its word stands where the page's clock lags", () => {
  assert.equal(isLate(incident({ acknowledge: target(0.5) }), NOW), false);
  assert.equal(isLate(incident({ acknowledge: target(0.5) }), NOW + 1000), true);
  assert.equal(isLate(incident({ acknowledge: target(60, { missed: true }) }), NOW), true);
  assert.equal(isLate(resolved({ acknowledge: target(-60) }), NOW), false);
  assert.deepEqual([incident(), acknowledged(), dispatched(), resolved()].map(nextTarget), ["acknowledge", "dispatch", null, null]);
});

test("a list that somebody points at keeps its order, what is new waits, and what is settled stays where it was", () => {
  assert.deepEqual(arrange(["c", "a"], ["a", "b"], true), { ids: ["a", "b"], waiting: ["c"] });
  assert.deepEqual(arrange(["c", "a"], ["a", "b"], false), { ids: ["c", "a"], waiting: [] });
});

test("clocks run down, turn overdue with the level that was told, and say who met them and whether in time", () => {
  const text = (one: Incident, name: "acknowledge" | "dispatch"): [string, string] => {
    const { tone, text } = clockOf(one, name, NOW, en);
    return [tone, text];
  };
  assert.deepEqual(text(incident(), "acknowledge"), ["running", "Acknowledge in 2:00"]);
  assert.deepEqual(text(incident(), "dispatch"), ["running", "Dispatch in 14:00"]);
  const late = incident({ acknowledge: target(-65, { level: "district" }) });
  assert.deepEqual(text(late, "acknowledge"), ["overdue", "Not acknowledged, 1:05 overdue · told district"]);
  assert.deepEqual(text(acknowledged(), "acknowledge"), ["met", "Pia acknowledged after 50 s"]);
  const slow = acknowledged({ acknowledge: met(0, "Pia", { missed: true }) });
  assert.deepEqual(text(slow, "acknowledge"), ["late", "Pia acknowledged after 60 s · too late"]);
  assert.deepEqual(text(resolved({ dispatch: target(-5) }), "dispatch"), ["off", ""]);
  assert.deepEqual(text(incident({ evidence: "withdrawn", acknowledge: target(-5) }), "acknowledge"), ["off", ""]);
  assert.deepEqual([0, 9.9, 65, 3725].map(countdown), ["0:00", "0:09", "1:05", "1:02:05"]);
});

test("a filter goes by state, class, drone, time and words, and says how much of it holds back", () => {
  const one = dispatched({ units: ["Engine 4"], drone_ids: ["kestrel"], last_seen_at: iso(-7200) });
  assert.ok(fits(one, {}));
  assert.ok(fits(one, { states: ["dispatched", "new"] }) && !fits(one, { states: ["new"] }));
  assert.ok(fits(one, { label: "fire" }) && !fits(one, { label: "smoke" }));
  assert.ok(fits(one, { drone: "kestrel" }) && !fits(one, { drone: "merlin" }));
  assert.ok(fits(one, { hours: 3 }) && !fits(one, { hours: 1 }));
  for (const text of ["engine", " KESTREL one ", "pia"]) assert.ok(fits(one, { text }), text);
  assert.ok(!fits(one, { text: "ladder" }));
  assert.equal(count({ ...EVERYTHING, text: " ", hours: 6, states: ["new"] }), 2);
});

test("a part of the map holds back what lies outside, also across the date line, and never what has no place", () => {
  const within = (lon_deg: number, view: [number, number, number, number]): boolean =>
    matches(incident({ position: { ...HOME, lon_deg } }), { ...EVERYTHING, inView: true }, { ...around, view });
  assert.ok(within(149, [148, -40, 150, -30]) && !within(151, [148, -40, 150, -30]));
  assert.ok(within(179.5, [179, -40, 181, -30]) && within(-179.5, [179, -40, 181, -30]));
  assert.ok(within(-179.5, [-181, -40, -179, -30]) && !within(0, [179, -40, 181, -30]));
  const nowhere = incident({ position: null, ellipse: null });
  assert.ok(matches(nowhere, { ...EVERYTHING, inView: true }, { ...around, view: [0, 0, 1, 1] }));
});

test("the same is asked of the station for what is settled, and only of that", () => {
  const query = queryOf(
    { ...EVERYTHING, states: ["new", "resolved"], label: "fire", drone: "kestrel", text: " out ", hours: 1, inView: true },
    { ...around, view: [179, -40, 181, -30] },
  );
  assert.deepEqual([...query], [
    ["state", "resolved"], ["label", "fire"], ["drone_id", "kestrel"], ["text", "out"], ["since", iso(-3600)],
    ["bbox", "179.000000,-40.000000,-179.000000,-30.000000"],
  ]);
  assert.deepEqual(queryOf(EVERYTHING, around).getAll("state"), ["resolved", "false alarm"]);
  const world = queryOf({ ...EVERYTHING, inView: true }, { ...around, view: [-300, -80, 300, 80] });
  assert.equal(world.get("bbox"), "-180.000000,-80.000000,180.000000,80.000000");
});
