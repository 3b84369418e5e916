import assert from "node:assert/strict";
import { test } from "node:test";
import { hashOf, NAMES, routeOf } from "../../../uplink/station/ui/src/route.ts";

test("an address leads to its view, and one that is none to the first", () => {
  assert.deepEqual(routeOf("#/fly/a%2Fb/c"), { view: "fly", rest: ["a/b", "c"] });
  for (const hash of ["", "#", "#/", "#/nowhere", "fly/.."]) assert.equal(routeOf(hash).view, NAMES[0], hash);
});

test("what a link says is read again, whatever is in it", () => {
  for (const rest of [["kestrel"], ["a/b", "100 %", "火"], []]) assert.deepEqual(routeOf(hashOf("fly", ...rest)).rest, rest);
  assert.deepEqual(routeOf("#/fly/100%").rest, ["100%"]);
});
