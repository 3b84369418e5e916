import assert from "node:assert/strict";
import { test } from "node:test";
import { elapsed, HOLD_MS, IDLE, pressed, released } from "../../../uplink/station/ui/src/kit/hold.ts";

test("a button is taken when it has been held for long enough, and only once", () => {
  const holding = pressed(IDLE, 1000);
  assert.equal(elapsed(holding, 1000 + HOLD_MS - 1).at, "holding");
  const taken = elapsed(holding, 1000 + HOLD_MS);
  assert.equal(taken.at, "taken");
  assert.equal(pressed(taken, 9000).at, "taken", "a second finger begins nothing");
  assert.deepEqual(released(taken), { hold: IDLE, early: false });
});

test("let go too soon, it does nothing and says that it has to be held", () => {
  assert.deepEqual(released(pressed(IDLE, 1000)), { hold: IDLE, early: true });
  assert.deepEqual(released(IDLE), { hold: IDLE, early: false });
  assert.equal(elapsed(IDLE, 1e9).at, "idle");
});

test("a key that repeats does not begin again", () => {
  const holding = pressed(IDLE, 1000);
  assert.equal(pressed(holding, 1500), holding);
});
