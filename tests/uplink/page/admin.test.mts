import assert from "node:assert/strict";
import { test } from "node:test";
import { agentLines } from "../../../uplink/station/ui/src/admin/agent_config.ts";
import { queryOf } from "../../../uplink/station/ui/src/admin/audit_query.ts";
import { daysOf, isDroneId, isName, isPassword, newPassword } from "../../../uplink/station/ui/src/admin/fields.ts";
import { covers, sectionOf, SECTIONS } from "../../../uplink/station/ui/src/admin/sections.ts";
import { dateTime, fromLocalInput, offsetOf, size, toLocalInput } from "../../../uplink/station/ui/src/admin/times.ts";
import { amissIn, blank, draftOf, standingOf, toldIn, writtenOf, type Written } from "../../../uplink/station/ui/src/admin/zone_form.ts";
import { inRing } from "../../../uplink/station/ui/src/geo.ts";
import { middlesOf, polygonOf, rounded, withCorner, withNewCorner, withoutCorner } from "../../../uplink/station/ui/src/map/ring.ts";
import type { LonLat } from "../../../uplink/station/ui/src/messages.ts";
import type { SessionState, StationZone, StoredAlert } from "../../../uplink/station/ui/src/station.ts";

const SQUARE: LonLat[] = [[8, 47], [8.01, 47], [8.01, 47.01], [8, 47.01]];
const NOW = Date.parse("2026-07-01T12:00:00Z");

test("a place is in a ring, over the date line too", () => {
  assert.ok(inRing([8.005, 47.005], SQUARE));
  assert.ok(!inRing([8.02, 47.005], SQUARE));
  const over: LonLat[] = [[179.99, -17], [-179.99, -17], [-179.99, -16.98], [179.99, -16.98]];
  assert.ok(inRing([179.995, -16.99], over));
  assert.ok(inRing([-179.995, -16.99], over));
  assert.ok(!inRing([179.98, -16.99], over));
});

function written(change: Partial<Written> = {}): Written {
  return { ...blank(), name: "Kiln", ring: SQUARE, ...change };
}

test("what a zone lacks is named by its field", () => {
  assert.deepEqual(amissIn(written()), {});
  assert.deepEqual(Object.keys(amissIn(blank())).sort(), ["name", "ring"]);
  assert.deepEqual(amissIn(written({ reason: "permitted burn" })), { ends: "admin.zoneEnds" });
  assert.deepEqual(amissIn(written({ starts: "2026-07-02T00:00", ends: "2026-07-01T00:00" })), { ends: "admin.endsBefore" });
  assert.deepEqual(amissIn(written({ fire: false, smoke: false })), { labels: "admin.required" });
  for (const breaks of ["", "0", "-1", "much"]) assert.ok(amissIn(written({ breaks })).breaks, breaks);
  assert.deepEqual(amissIn(written({ breaks: "", breaksNever: true })), {});
});

test("what is sent of a zone is what was written, and comes back as that", () => {
  const draft = draftOf(written({ name: " Kiln ", breaks: "12,5", smoke: false, ends: "2026-07-01T12:00" })) as StationZone;
  assert.equal(draft.name, "Kiln");
  assert.equal(draft.breaks_at_m2, 12.5);
  assert.deepEqual(draft.labels, ["fire"]);
  assert.equal(toLocalInput(draft.ends_at), "2026-07-01T12:00");
  const again = draftOf(writtenOf({ ...draft, breaks_at_m2: null })) as StationZone;
  assert.deepEqual(again, { ...draft, breaks_at_m2: null });
});

test("a zone stands, has yet to begin, or is over", () => {
  const zone = (starts_at: string | null, ends_at: string | null): StationZone => ({ starts_at, ends_at }) as StationZone;
  assert.equal(standingOf(zone(null, null), NOW), "now");
  assert.equal(standingOf(zone("2026-07-01T12:00:01Z", null), NOW), "yet");
  assert.equal(standingOf(zone(null, "2026-07-01T12:00:00Z"), NOW), "over");
});

test("what burns in a ring and was told is counted; what a zone holds back or was lost is not", () => {
  const alert = (change: object): StoredAlert =>
    ({ state: "confirmed", suppressed_by: null, position: { lat_deg: 47.005, lon_deg: 8.005 }, ...change }) as StoredAlert;
  const alerts = [alert({}), alert({ state: "lost" }), alert({ suppressed_by: "x" }), alert({ position: null })];
  assert.equal(toldIn(alerts, SQUARE).length, 1);
  assert.equal(toldIn(alerts, SQUARE.slice(2)).length, 0);
});

test("a corner of a ring is moved, put between two others, and taken away", () => {
  assert.deepEqual(withCorner(SQUARE, 1, [8.02, 47]), [[8, 47], [8.02, 47], [8.01, 47.01], [8, 47.01]]);
  assert.deepEqual(withNewCorner(SQUARE, 4, [7.99, 47]).at(-1), [7.99, 47]);
  assert.deepEqual(withoutCorner(SQUARE, 0), SQUARE.slice(1));
  assert.deepEqual(middlesOf([[0, 0], [2, 0], [2, 2]]), [[1, 0], [2, 1], [1, 1]]);
  assert.deepEqual(middlesOf([[0, 0], [2, 0], [2, 2]], false), [[1, 0], [2, 1]], "a line");
  assert.deepEqual(middlesOf([[0, 0], [2, 0]]), [[1, 0]], "no area yet");
  assert.deepEqual(middlesOf([[0, 0]]), []);
});

test("a ring over the date line is drawn in one piece, and its corners stay in the world", () => {
  assert.deepEqual([rounded([181.00000004, 1]), rounded([-180.5, 2])], [[-179, 1], [179.5, 2]]);
  assert.deepEqual(middlesOf([[179, 0], [-179, 0]])[0], [180, 0]);
  const [drawn] = polygonOf([[179, 0], [-179, 0], [-179, 1]]).features;
  assert.deepEqual((drawn?.geometry as GeoJSON.Polygon).coordinates, [[[179, 0], [181, 0], [181, 1], [179, 0]]]);
  assert.deepEqual(polygonOf([]).features, []);
});

test("times are written in the time of this computer, and kept as instants", () => {
  const iso = "2026-07-01T12:34:00.000Z";
  assert.equal(fromLocalInput(toLocalInput(iso)), iso);
  assert.equal(fromLocalInput(""), null);
  assert.equal(fromLocalInput("soon"), null);
  assert.equal(toLocalInput(null), "");
  assert.equal(dateTime(iso), "2026-07-01 12:34 UTC");
  assert.equal(dateTime("soon"), "–");
  const offset = (minutes: number): string => offsetOf({ getTimezoneOffset: () => -minutes } as Date);
  assert.deepEqual([480, 0, -210].map(offset), ["+8", "+0", "−3:30"]);
});

test("sizes have two digits at least, and their unit", () => {
  assert.deepEqual([0, 999, 1000, 3_440_000, 51e9, 999_700].map(size), ["0 B", "999 B", "1.0 kB", "3.4 MB", "51 GB", "1.0 MB"]);
});

test("names and passwords are looked at before they are sent", () => {
  assert.ok(["Ann", "安", "a.b", "o'neil"].every(isName));
  assert.ok(!["", "two words", ".hidden", "a/b", "x\u200bx", "x".repeat(65)].some(isName));
  assert.ok(isDroneId("ember-2") && !isDroneId("-2") && !isDroneId("飞"));
  assert.ok(isPassword("") && isPassword("0123456789") && !isPassword("012345678"));
  assert.notEqual(newPassword(), newPassword());
  assert.match(newPassword(), /^[\w-]{20}$/);
  assert.deepEqual(["30", "0.5", "1,5", "", "x", "36501"].map(daysOf), [30, null, 1.5, null, null, null]);
});

test("everybody sees the zones, and only admins the rest", () => {
  const session = (role: string | null): SessionState => ({ role }) as SessionState;
  const seen = (role: string): string[] => SECTIONS.filter((one) => covers(session(role), one.role)).map(({ name }) => name);
  assert.deepEqual(seen("viewer"), ["zones"]);
  assert.deepEqual(seen("pilot"), ["zones"]);
  assert.equal(seen("admin").length, SECTIONS.length);
  assert.ok(!covers(null, "viewer"));
  assert.equal(sectionOf(undefined, session("pilot")).name, "zones");
  assert.equal(sectionOf("nothing", session("admin")).name, "users");
  assert.equal(sectionOf("audit", session("pilot")).name, "audit", "they are told why not");
});

test("of the audit log only what was filled in is asked for", () => {
  assert.equal(queryOf({ who: "", what: "", about: "", since: "", until: "" }), "");
  assert.equal(queryOf({ who: " token gis ", what: "user.*", about: "", since: "", until: "" }), "who=token+gis&what=user.*");
  const since = queryOf({ who: "", what: "", about: "", since: "2026-07-01T12:00", until: "" });
  assert.equal(new URLSearchParams(since).get("since"), new Date("2026-07-01T12:00").toISOString());
});

test("the lines for an agent name its drone and its station", () => {
  const lines = agentLines("ember-9", "https://station.example.org");
  assert.match(lines, /^id = "ember-9"$/m);
  assert.match(lines, /^station_url = "https:\/\/station\.example\.org"$/m);
});
