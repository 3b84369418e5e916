import assert from "node:assert/strict";
import { test } from "node:test";
import { callers, ring, SILENCE, type Call, type Caller, type Heard } from "../../../uplink/station/ui/src/queue/calls.ts";
import { TONES } from "../../../uplink/station/ui/src/queue/tones.ts";
import { EMPTY_WORLD, type HeardDrone, type World } from "../../../uplink/station/ui/src/state.ts";
import type { Incident } from "../../../uplink/station/ui/src/station.ts";
import { acknowledged, incident, NOW, resolved, target } from "./queue_makers.mts";

const loud = (): boolean => false;

function world(incidents: Incident[], drones: Partial<HeardDrone["state"]>[] = [], heardAgoMs = 0): World {
  const heard = drones.map((state) => ({ state, heardAt: NOW - heardAgoMs }) as HeardDrone);
  return {
    ...EMPTY_WORLD,
    incidents: Object.fromEntries(incidents.map((one) => [one.id, one])),
    drones: Object.fromEntries(heard.map((one) => [one.state.drone_id, one])),
  };
}

function calling(known: World): string[] {
  return callers(known, NOW, NOW).map(({ call, id }) => `${call} ${id}`);
}

test("new ones call until somebody has seen them, late ones at each level anew, and nothing that is settled or taken back", () => {
  assert.deepEqual(calling(world([incident(), incident({ id: "b", label: "smoke" })])), ["fire a", "smoke b"]);
  assert.deepEqual(calling(world([acknowledged()])), []);
  const late = acknowledged({ dispatch: target(-1, { level: "team" }) });
  assert.deepEqual(calling(world([late])), ["late a dispatch team"]);
  assert.deepEqual(calling(world([resolved(), incident({ evidence: "withdrawn" })])), []);
});

test("a drone calls that cannot see, or that went silent in flight; not one that was put away long ago", () => {
  const blind = { drone_id: "kestrel", seeing: "blind", armed: false } as const;
  const flying = { drone_id: "merlin", seeing: "seeing", armed: true } as const;
  assert.deepEqual(calling(world([], [blind, flying])), ["blind kestrel"]);
  assert.deepEqual(calling(world([], [flying], 11_000)), ["blind merlin"]);
  assert.deepEqual(calling(world([], [{ ...flying, armed: false }], 11_000)), []);
  assert.deepEqual(calling(world([], [blind, flying], 3_600_000)), []);
});

function hear(callers: Caller[], heard: Heard, at: number, isMuted: (call: Call) => boolean = loud): ReturnType<typeof ring> {
  return ring(callers, heard, isMuted, at);
}

test("the loudest is heard at once, the others after it, and each again until it calls no more", () => {
  const both: Caller[] = [{ call: "smoke", id: "b" }, { call: "fire", id: "a" }];
  const first = hear(both, SILENCE, NOW);
  assert.deepEqual([first.call, first.news.length], ["fire", 2]);
  const second = hear(both, first.heard, NOW + 1000);
  assert.deepEqual([second.call, second.news.length], ["smoke", 0]);
  assert.equal(hear(both, second.heard, NOW + 2000).call, null);
  assert.equal(hear(both, second.heard, NOW + 15_000).call, "fire");
  assert.equal(hear([], second.heard, NOW + 15_000).call, null);
});

test("another fire is heard at once, however lately the one before was", () => {
  const first = hear([{ call: "fire", id: "a" }], SILENCE, NOW);
  const next = hear([{ call: "fire", id: "a" }, { call: "fire", id: "b" }], first.heard, NOW + 500);
  assert.deepEqual([next.call, next.news.map(({ id }) => id)], ["fire", ["b"]]);
});

test("what is muted is news and makes no sound, also not later at once", () => {
  const fire: Caller[] = [{ call: "fire", id: "a" }];
  const muted = hear(fire, SILENCE, NOW, (call) => call === "fire");
  assert.deepEqual([muted.call, muted.news.length], [null, 1]);
  assert.equal(hear(fire, muted.heard, NOW + 1000).call, null);
  assert.equal(hear(fire, muted.heard, NOW + 15_000).call, "fire");
});

test("each call has a sound of its own, short enough for the next", () => {
  const rhythms = Object.values(TONES).map((notes) => notes.map(({ hz, forS }) => `${hz} ${forS}`).join());
  assert.equal(new Set(rhythms).size, 4);
  for (const notes of Object.values(TONES)) assert.ok(notes.every(({ atS, forS }) => atS + forS < 2));
});
