import assert from "node:assert/strict";
import { test } from "node:test";
import { checkOf, firstRadius, missingOf, SEND_KINDS, sendPermit, wishOf, type Draft } from "../../../uplink/station/ui/src/aircraft/wish.ts";
import { measuresIn } from "../../../uplink/station/ui/src/measures.ts";
import type { ErrorEllipse, Position } from "../../../uplink/station/ui/src/messages.ts";
import { YES } from "../../../uplink/station/ui/src/permits.ts";
import type { LoggedOrder, OrderFate } from "../../../uplink/station/ui/src/station.ts";

const PLACE: Position = { lat_deg: -35.36142, lon_deg: 149.16523, alt_amsl_m: null, datum: "WGS84" };
const DRAFT: Draft = { kind: "go to", place: PLACE, height_m: 45, above: "ground", radius_m: 80 };

test("an order has what its kind needs, and waits while something is missing", () => {
  assert.deepEqual(wishOf(DRAFT), { kind: "go to", place: PLACE, height_m: 45, height_above: "ground" });
  assert.deepEqual(wishOf({ ...DRAFT, kind: "orbit" }), { kind: "orbit", place: PLACE, radius_m: 80, height_m: 45, height_above: "ground" });
  assert.deepEqual(wishOf({ ...DRAFT, kind: "look at" }), { kind: "look at", place: PLACE, radius_m: 80 });
  assert.deepEqual(wishOf({ ...DRAFT, kind: "change height", place: null }), { kind: "change height", height_m: 45, height_above: "ground" });
  assert.equal(wishOf({ ...DRAFT, place: null }), null);
  assert.equal(wishOf({ ...DRAFT, height_m: null }), null);
  assert.equal(wishOf({ ...DRAFT, kind: "orbit", radius_m: null }), null);
  assert.equal(wishOf({ ...DRAFT, height_m: 0 })?.height_m, 0, "home's own height is a height");
});

test("what is missing is named, the first of it, and an order waits for nothing that its kind does not need", () => {
  const bare: Draft = { ...DRAFT, place: null, height_m: null, radius_m: null };
  assert.equal(missingOf({ ...bare, kind: "orbit" }), "whyNoPlace");
  assert.equal(missingOf({ ...bare, kind: "orbit", place: PLACE }), "whyNoHeight");
  assert.equal(missingOf({ ...bare, kind: "orbit", place: PLACE, height_m: 0 }), "whyNoRadius");
  assert.equal(missingOf({ ...bare, kind: "look at", place: PLACE }), "whyNoRadius");
  assert.equal(missingOf({ ...bare, kind: "change height" }), "whyNoHeight");
  for (const kind of SEND_KINDS)
    for (const draft of [DRAFT, bare, { ...DRAFT, place: null }, { ...DRAFT, height_m: null }, { ...DRAFT, radius_m: null }])
      assert.equal(missingOf({ ...draft, kind }) === null, wishOf({ ...draft, kind }) !== null, kind);
});

test("a circle begins beyond the fire's own ellipse", () => {
  const wide = { semi_major_m: 72 } as ErrorEllipse;
  assert.equal(firstRadius("orbit", null), 80);
  assert.equal(firstRadius("orbit", wide), 140);
  assert.equal(firstRadius("look at", wide), 80);
  assert.equal(firstRadius("look at", null), 20);
});

test("what the drone said of a check decides, and silence keeps nobody from it", () => {
  const check = (fate: OrderFate, reason = ""): ReturnType<typeof checkOf> => checkOf({ fate, reason } as LoggedOrder, false);
  assert.deepEqual(sendPermit(YES, null, check("done", "420 m")), YES);
  assert.deepEqual(sendPermit(YES, null, check("refused", "outside")), { why: "whyDroneWouldNot", detail: "outside" });
  assert.equal(sendPermit(YES, null, check("waiting")).why, "whyAsking");
  assert.equal(sendPermit(YES, null, checkOf(undefined, true)).why, "whyAsking");
  assert.deepEqual(sendPermit(YES, null, check("expired")), YES);
  assert.deepEqual(sendPermit(YES, null, checkOf(undefined, false)), YES);
  assert.equal(sendPermit(YES, "whyNoHeight", check("done")).why, "whyNoHeight");
  assert.equal(sendPermit({ why: "whyLease", detail: "" }, null, check("refused", "outside")).why, "whyLease", "what the page knows comes first");
});

test("a height that is typed in feet is sent in metres", () => {
  const feet = measuresIn("imperial");
  assert.equal(feet.unit, "ft");
  assert.equal(Math.round(feet.metres(200) * 100) / 100, 60.96);
  assert.equal(Math.round(feet.inUnit(60.96)), 200);
});
