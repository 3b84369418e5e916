import assert from "node:assert/strict";
import { test } from "node:test";
import { boxBetween, boxInTheMiddle, steered } from "../../../uplink/station/ui/src/history/boxes.ts";
import type { FlightDetail, FlightPoint } from "../../../uplink/station/ui/src/history/flights.ts";
import {
  advance,
  chartPath,
  happeningsOf,
  indexAt,
  momentAt,
  niceCeiling,
  spansOf,
  stepped,
  wayUntil,
  wholeWay,
} from "../../../uplink/station/ui/src/history/replay.ts";
import { wallClock } from "../../../uplink/station/ui/src/history/times.ts";

function point(after_s: number, change: Partial<FlightPoint> = {}): FlightPoint {
  return {
    id: after_s,
    drone_id: "ember-1",
    at: "2026-07-01T12:00:00Z",
    heard_at: "2026-07-01T12:00:00Z",
    lat_deg: after_s / 1000,
    lon_deg: 10,
    alt_amsl_m: 600,
    height_agl_m: 80 + after_s,
    height_home_m: 81,
    heading_deg: 350,
    ground_speed_m_s: 10,
    battery_percent: 90,
    mode: "AUTO",
    armed: true,
    control: "granted",
    seeing: "seeing",
    blind_reason: "",
    degraded: [],
    patrol: null,
    footprint: [],
    after_s,
    ...change,
  };
}

function flight(change: Partial<FlightDetail> = {}): FlightDetail {
  return {
    id: "f",
    drone_id: "ember-1",
    kind: "flight",
    began: "armed",
    ended: "disarmed",
    started_at: "2026-07-01T12:00:00Z",
    last_at: "2026-07-01T12:05:00Z",
    duration_s: 300,
    distance_m: 0,
    highest_agl_m: null,
    highest_home_m: null,
    highest_amsl_m: null,
    battery_start_percent: null,
    battery_end_percent: null,
    blind_s: 0,
    degraded_s: 0,
    gaps: [],
    gaps_s: 0,
    clock_leaps: [],
    drone_clock_ahead_s: 0,
    restarts_s: [],
    patrols: [],
    alerts: 0,
    raised: [],
    orders: [],
    ...change,
  };
}

const WAY = [point(0), point(10, { heading_deg: 10 }), point(20), point(200), point(210)];

test("the point that counts is the last one that was told", () => {
  assert.deepEqual([-1, 0, 5, 10, 199, 210, 999].map((atS) => indexAt(WAY, atS)), [-1, 0, 0, 1, 2, 4, 4]);
  assert.equal(momentAt([], 5), null);
});

test("between two points the drone is in between, and turns the short way", () => {
  const moment = momentAt(WAY, 5);
  assert.deepEqual(moment?.place, [10, 0.005]);
  assert.equal(moment?.headingDeg, 0);
  assert.equal(moment?.aglM, 85);
  assert.equal(moment?.unheard, false);
});

test("across 180° it goes the short way", () => {
  const dateLine = [point(0, { lon_deg: 179.9 }), point(10, { lon_deg: -179.9 })];
  assert.ok(Math.abs(momentAt(dateLine, 5)!.place![0] - 180) < 1e-9);
});

test("in a gap it stays where it was heard last, and says so", () => {
  const moment = momentAt(WAY, 100);
  assert.deepEqual(moment?.place, [10, 0.02]);
  assert.equal(moment?.unheard, true);
  assert.equal(momentAt(WAY, 205)?.unheard, false);
});

test("a point without a position leaves none, and no line to it", () => {
  const lost = [point(0), point(5, { lat_deg: null, lon_deg: null }), point(10)];
  assert.equal(momentAt(lost, 7)?.place, null);
  assert.deepEqual(wholeWay(lost), [[[10, 0], [10, 0.01]]]);
});

test("the way is drawn up to the playhead, and not across gaps", () => {
  assert.deepEqual(wayUntil(WAY, 15), [[[10, 0], [10, 0.01], [10, 0.015]]]);
  assert.deepEqual(wayUntil(WAY, 100), [[[10, 0], [10, 0.01], [10, 0.02]]]);
  assert.equal(wayUntil(WAY, 205).length, 2);
  assert.deepEqual(wayUntil(WAY, 0), [[[10, 0], [10, 0]]]);
  assert.equal(wholeWay(WAY).length, 2);
});

test("blind spans end where it sees again, where it was not heard, or with the flight", () => {
  const points = [0, 10, 20, 200, 210].map((atS) => point(atS, { seeing: [10, 20, 210].includes(atS) ? "blind" : "seeing" }));
  const gaps = [{ from_s: 20, to_s: 200 }];
  assert.deepEqual(spansOf(points, flight({ gaps })), [
    { fromS: 10, toS: 20, kind: "blind" },
    { fromS: 20, toS: 200, kind: "gap" },
    { fromS: 210, toS: 300, kind: "blind" },
  ]);
  const short = [point(0, { seeing: "blind" }), point(10), point(20)];
  assert.deepEqual(spansOf(short, flight()), [{ fromS: 0, toS: 10, kind: "blind" }]);
});

test("a drone that goes from degraded to blind and back is both, one after the other", () => {
  const states = ["seeing", "degraded", "degraded", "blind", "degraded", "seeing"] as const;
  const points = states.map((seeing, number) => point(number * 10, { seeing }));
  assert.deepEqual(spansOf(points, flight()), [
    { fromS: 10, toS: 30, kind: "degraded" },
    { fromS: 30, toS: 40, kind: "blind" },
    { fromS: 40, toS: 50, kind: "degraded" },
  ]);
});

test("what happened comes in its order, and within the flight", () => {
  const points = [point(0), point(10, { mode: "RTL" }), point(20, { mode: "RTL", control: "hands off" })];
  const found = happeningsOf(
    points,
    flight({
      raised: [{ after_s: 15, alert: { id: "a", label: "fire" } as never }],
      orders: [
        { id: "o", kind: "return", at: "2026-07-01T12:00:09Z" } as never,
        { id: "early", kind: "start", at: "2026-07-01T11:59:58Z" } as never,
      ],
      restarts_s: [18],
      clock_leaps: [{ at_s: 12, whose: "drone", by_s: 3600 }],
    }),
  );
  assert.deepEqual(found.map(({ atS, kind, label }) => [atS, kind, label]), [
    [0, "mode", "AUTO"],
    [0, "order", "start"],
    [9, "order", "return"],
    [10, "mode", "RTL"],
    [12, "clock", "drone"],
    [15, "alert", "fire"],
    [18, "restart", ""],
    [20, "control", "hands off"],
  ]);
});

test("a chart is broken in gaps and where nothing is known", () => {
  const size = { durationS: 210, most: 100, wide: 210, high: 50 };
  const path = chartPath([point(0), point(10), point(200), point(210, { battery_percent: null })], (p) => p.battery_percent, size);
  assert.equal(path, "M0.0 5.0L10.0 5.0M200.0 5.0");
  assert.equal(chartPath(WAY, () => null, size), "");
  assert.deepEqual([0, 1, 3, 81, 100, 120, 400].map(niceCeiling), [10, 1, 5, 100, 100, 200, 500]);
});

test("playing ends with the flight, whatever the speed", () => {
  assert.deepEqual(advance(0, 500, 60, 300), { atS: 30, goesOn: true });
  assert.deepEqual(advance(290, 500, 60, 300), { atS: 300, goesOn: false });
});

test("keys of the timeline", () => {
  assert.equal(stepped("ArrowRight", false, 10, 300), 15);
  assert.equal(stepped("ArrowLeft", false, 2, 300), 0);
  assert.equal(stepped("ArrowRight", true, 10, 300), 70);
  assert.equal(stepped("PageUp", false, 299, 300), 300);
  assert.equal(stepped("Home", false, 99, 300), 0);
  assert.equal(stepped("End", false, 99, 300), 300);
  assert.equal(stepped("x", false, 99, 300), null);
});

test("a flight over midnight says so, in the zone of the wall", () => {
  const clock = wallClock("Asia/Shanghai");
  const from = Date.parse("2026-07-01T15:40:00Z");
  const to = Date.parse("2026-07-01T16:12:00Z");
  assert.equal(clock.span(from, to), "2026-07-01 23:40 – 00:12 (+1)");
  assert.deepEqual(clock.midnights(from, to), [Date.parse("2026-07-01T16:00:00Z")]);
  assert.equal(clock.time(from), "23:40:00");
  assert.equal(clock.zone(from), "Asia/Shanghai (UTC+08:00)");
  const utc = wallClock("UTC");
  assert.equal(utc.span(from, to), "2026-07-01 15:40 – 16:12");
  assert.deepEqual(utc.midnights(from, to), []);
  assert.match(utc.zone(from), /^UTC \(UTC/);
});

test("a day of 23 hours has its midnight too", () => {
  const clock = wallClock("Europe/Berlin");
  const from = Date.parse("2026-03-28T12:00:00Z");
  assert.deepEqual(clock.midnights(from, from + 2 * 86_400_000), [
    Date.parse("2026-03-28T23:00:00Z"),
    Date.parse("2026-03-29T22:00:00Z"),
  ]);
});

const SIZE = { width: 800, height: 450 };

test("a box is between two corners, whichever they are, and within the picture", () => {
  assert.deepEqual(boxBetween([300, 200], [100, 50], SIZE), [100, 50, 300, 200]);
  assert.deepEqual(boxBetween([-50, 400], [120, 900], SIZE), [0, 400, 120, 450]);
  assert.equal(boxBetween([10, 10], [12, 200], SIZE), null);
  assert.deepEqual(boxInTheMiddle(SIZE), [320, 180, 480, 270]);
});

test("keys move a box and, with Shift, change its size; it stays in the picture", () => {
  assert.deepEqual(steered([0, 0, 80, 45], "ArrowRight", false, SIZE), [8, 0, 88, 45]);
  assert.deepEqual(steered([0, 0, 80, 45], "ArrowLeft", false, SIZE), [0, 0, 80, 45]);
  assert.deepEqual(steered([700, 0, 800, 45], "ArrowRight", false, SIZE), [700, 0, 800, 45]);
  assert.deepEqual(steered([0, 0, 80, 45], "ArrowDown", true, SIZE), [0, 0, 80, 49.5]);
  assert.deepEqual(steered([0, 0, 6, 45], "ArrowLeft", true, SIZE), [0, 0, 4, 45]);
  assert.equal(steered([0, 0, 80, 45], "x", false, SIZE), null);
});
