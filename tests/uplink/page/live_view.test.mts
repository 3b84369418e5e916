import assert from "node:assert/strict";
import { test } from "node:test";
import { AgeMeter, isStale, RateMeter } from "../../../uplink/station/ui/src/live_view/ages.ts";
import { boxAt, fitted, moved, shareOf, sigmaOf } from "../../../uplink/station/ui/src/live_view/crosshair.ts";
import { readSaid, unpackFrame } from "../../../uplink/station/ui/src/live_view/wire.ts";

const HEADER = {
  frame: 2 ** 20 + 7,
  captured_at: "2026-07-01T12:00:00Z",
  time_source: "gnss",
  sent_ms: 1000,
  age_ms: 40,
  width_px: 640,
  height_px: 360,
  boxes: [{ label: "fire", score: 0.8, box: [0.1, 0.2, 0.3, 0.4], position: { lat_deg: 1, lon_deg: 2 } }],
  line: { frames_per_s: 5, quality: 60, kbit_s: 400 },
};

function packed(header: string, jpeg: number[] = [0xff, 0xd8, 0xff, 0xd9]): ArrayBuffer {
  const text = new TextEncoder().encode(header);
  const data = new Uint8Array(2 + text.length + jpeg.length);
  new DataView(data.buffer).setUint16(0, text.length);
  data.set(text, 2);
  data.set(jpeg, 2 + text.length);
  return data.buffer;
}

test("a picture comes apart into its words, with what is as usual filled in, and its bytes", async () => {
  const got = unpackFrame(packed(JSON.stringify(HEADER)));
  assert.ok(got);
  assert.equal(got.frame.frame, 2 ** 20 + 7);
  assert.equal(got.frame.no_pose, "");
  assert.deepEqual(got.frame.marks, []);
  assert.equal(got.frame.line.rtt_ms, null);
  const [box] = got.frame.boxes;
  assert.deepEqual([box?.alert_id, box?.plus_minus_m, box?.position?.datum], [null, null, "WGS84"]);
  assert.deepEqual([...new Uint8Array(await got.jpeg.arrayBuffer())], [0xff, 0xd8, 0xff, 0xd9]);
});

test("what is no picture, and what is no word, changes nothing", () => {
  for (const data of [new ArrayBuffer(0), new ArrayBuffer(1), packed("{"), packed("{}"), packed("[]"), packed('"x"')]) {
    assert.equal(unpackFrame(data), null);
  }
  for (const text of ["", "{", "null", "3"]) {
    assert.deepEqual(readSaid(text), { picked: null, refused: null, state: null });
  }
});

test("a place and a state are whole", () => {
  const { picked, state } = readSaid(
    '{"picked":{"id":3,"frame":9,"position":{"lat_deg":1,"lon_deg":2},"ellipse":{"semi_major_m":3,"semi_minor_m":2,"orientation_deg":0}},"state":{"state":"asked"}}',
  );
  assert.deepEqual([picked?.why, picked?.mark, picked?.ellipse?.confidence, picked?.position?.datum], ["", null, 0.9, "WGS84"]);
  assert.deepEqual(state, { state: "asked", reason: "", viewers: 0, dropped: 0 });
});

const RUN = 2 ** 30;
const sent = (number: number, sent_ms: number, least_rtt_ms: number | null = 100, run = RUN) => ({
  frame: run + number,
  sent_ms,
  age_ms: 40,
  line: { least_rtt_ms },
});

test("the age of a picture is its age when sent, half of the way there and back, and what it was held up", () => {
  const ages = new AgeMeter();
  // The clocks differ by 5000 ms and the way takes 50: neither is known.
  assert.equal(ages.of(sent(1, 1000), 6050), 90);
  assert.equal(ages.of(sent(2, 1200), 6250), 90);
  assert.equal(ages.of(sent(3, 1400), 7250), 890, "800 ms in a queue");
  assert.equal(ages.of(sent(4, 1600, null), 6650), 40, "before anything was acknowledged");
});

test("an agent that starts anew has another clock, and clocks that drift are followed", () => {
  const ages = new AgeMeter();
  assert.equal(ages.of(sent(1, 900_000), 1000), 90);
  assert.equal(ages.of(sent(2, 500, 100, RUN * 2), 2000), 90, "a run of its own, and not 15 minutes old");
  let age = 0;
  for (let s = 0; s <= 600; s += 1) age = ages.of(sent(3 + s, 1000 * s, 100, RUN * 2), 10_000 + 1000.5 * s);
  assert.ok(age < 90 + 61 * 0.5, `${age}`);
});

test("three seconds are too old to be called live", () => {
  assert.deepEqual([0, 2999, 3001].map(isStale), [false, false, true]);
});

test("the rate is that of the last seconds", () => {
  const rate = new RateMeter();
  for (let ms = 0; ms < 3000; ms += 200) rate.count(ms);
  assert.equal(rate.perS(2999), 5);
  assert.equal(rate.perS(4500), 7 / 3);
  assert.equal(rate.perS(9000), 0);
});

test("the picture is shown whole, in the middle", () => {
  const wide = fitted({ width: 1000, height: 300 }, { width: 640, height: 360 });
  assert.deepEqual([Math.round(wide.width), wide.height, Math.round(wide.left), wide.top], [533, 300, 233, 0]);
  const high = fitted({ width: 320, height: 700 }, { width: 640, height: 360 });
  assert.deepEqual(high, { left: 0, top: 260, width: 320, height: 180 });
  assert.deepEqual(shareOf({ left: 160, top: 350 }, high), { x: 0.5, y: 0.5 });
  assert.equal(shareOf({ left: 160, top: 259 }, high), null, "beside the picture is no place");
});

test("arrows move the crosshair by steps of the screen, with Shift by finer ones, and never off the picture", () => {
  const at = { left: 0, top: 0, width: 640, height: 320 };
  assert.deepEqual(moved(null, "ArrowUp", false, at), { x: 0.5, y: 0.5 });
  assert.deepEqual(moved({ x: 0.5, y: 0.5 }, "ArrowRight", false, at), { x: 0.525, y: 0.5 });
  assert.deepEqual(moved({ x: 0.5, y: 0.5 }, "ArrowUp", true, at), { x: 0.5, y: 0.49375 });
  assert.deepEqual(moved({ x: 0.99, y: 0 }, "ArrowRight", false, at), { x: 1, y: 0 });
  assert.equal(moved({ x: 0.5, y: 0.5 }, "a", false, at), null);
});

test("a thumb is no mouse, and a small picture no large one", () => {
  const large = { left: 0, top: 0, width: 1000, height: 500 };
  assert.ok(sigmaOf("touch", large) > 4 * sigmaOf("mouse", large));
  assert.ok(sigmaOf("mouse", { ...large, width: 100 }) > 9 * sigmaOf("mouse", large));
  assert.equal(sigmaOf("touch", { ...large, width: 0 }), 0.2);
});

test("what was pointed at is the smallest box around the point", () => {
  const smoke = { box: [0, 0, 1, 1] as [number, number, number, number], id: "smoke" };
  const fire = { box: [0.4, 0.4, 0.6, 0.6] as [number, number, number, number], id: "fire" };
  assert.equal(boxAt([smoke, fire], { x: 0.5, y: 0.5 })?.id, "fire");
  assert.equal(boxAt([smoke, fire], { x: 0.1, y: 0.5 })?.id, "smoke");
  assert.equal(boxAt([fire], { x: 0.1, y: 0.5 }), null);
});
