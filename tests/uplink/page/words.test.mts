import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, coordinates, duration, lossPercent, utc } from "../../../uplink/station/ui/src/format.ts";
import { translator } from "../../../uplink/station/ui/src/i18n.ts";
import { firstLanguage } from "../../../uplink/station/ui/src/languages.ts";
import { backOff } from "../../../uplink/station/ui/src/live.ts";

const en = translator("en");
const zh = translator("zh");
const NOW = Date.parse("2026-07-01T12:00:00Z");

test("what was lost is never rounded to nothing", () => {
  assert.deepEqual([0, 0.004, 1.21, 100].map(lossPercent), ["0.0", "0.1", "1.3", "100.0"]);
});

test("ages are counted from the capture time, in both languages", () => {
  assert.equal(ago("2026-07-01T11:59:48Z", NOW, en), "12 s ago");
  assert.equal(ago("2026-07-01T11:59:48Z", NOW, zh), "12 秒前");
  assert.equal(duration(7500, en), "2 h 5 min");
});

test("a time that lies ahead is named, not counted", () => {
  assert.equal(ago("2026-07-01T12:00:03Z", NOW, en), "0 s ago");
  assert.equal(ago("2026-07-01T12:10:00Z", NOW, en), "12:10:00 UTC");
});

test("coordinates are latitude first", () => {
  const home = { lat_deg: -35.363262, lon_deg: 149.165237, alt_amsl_m: null, datum: "WGS84" as const };
  assert.equal(coordinates(home), "-35.36326, 149.16524");
});

test("the language is the chosen one, else the browser's, else English", () => {
  assert.equal(firstLanguage("zh", ["en-GB"]), "zh");
  assert.equal(firstLanguage(null, ["fr-FR", "zh-CN", "en"]), "zh");
  assert.equal(firstLanguage(null, ["fr-FR"]), "en");
  assert.equal(firstLanguage("klingon", []), "en");
});

test("tries to reconnect spread out and never stop", () => {
  assert.equal(backOff(0, 1), 500);
  assert.equal(backOff(3, 1), 4000);
  assert.equal(backOff(1000, 1), 10_000);
  assert.ok(backOff(2, 0) >= 1000 && backOff(2, 0) < backOff(2, 1));
});

test("what only a newer station knows is named as the station names it", () => {
  const phase = "phase.hovering" as Parameters<typeof en>[0];
  assert.deepEqual([en(phase), zh(phase)], ["hovering", "hovering"]);
  assert.equal(utc("soon"), "–");
});
