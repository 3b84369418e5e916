import assert from "node:assert/strict";
import { test } from "node:test";

import { parse } from "../../../uplink/station/ui/src/live.ts";

test("a text of the station is a list of events, and what is none is left out", () => {
  const drone = { type: "drone", data: { drone_id: "a" } };
  assert.deepEqual(parse(JSON.stringify([drone, 7, null, { data: 1 }, drone])), [drone, drone]);
  for (const text of ["", "{", "7", "null", '{"type":"drone"}']) assert.deepEqual(parse(text), [], text);
});
