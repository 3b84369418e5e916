import assert from "node:assert/strict";
import { test } from "node:test";
import { matching, troubleOf, worstFirst } from "../../../uplink/station/ui/src/aircraft/worst.ts";
import type { DroneState } from "../../../uplink/station/ui/src/messages.ts";
import type { HeardDrone } from "../../../uplink/station/ui/src/state.ts";

const NOW = 1_000_000;

function drone(id: string, change: Partial<DroneState> = {}, silentMs = 0): HeardDrone {
  const usual = { drone_id: id, name: "", fixed: false, linked: true, armed: true, mode: "AUTO", control: "granted", control_reason: "", seeing: "seeing", blind_reason: "", alarms: [], degraded: [], battery: null, patrol: null };
  return { state: { ...usual, ...change } as unknown as DroneState, heardAt: NOW - silentMs };
}

const battery = (reaches_home: string): Partial<DroneState> => ({ battery: { reaches_home } as DroneState["battery"] });

const hot: Partial<DroneState> = { seeing: "degraded", degraded: [{ kind: "hot", value: 91, since: "2026-07-01T12:00:00Z", words: "processor 91 C: land, give it air" }] };

const ORDER: HeardDrone[] = [
  drone("in the air and silent", {}, 20_000),
  drone("no autopilot", { linked: false }),
  drone("will not get home", battery("no")),
  drone("blind in the air", { seeing: "blind" }),
  drone("a pilot has it", { control: "hands off" }),
  drone("an alarm", { alarms: ["a second autopilot"] }),
  drone("degraded in the air", hot),
  drone("blind on the ground", { armed: false, seeing: "blind" }),
  drone("home with the reserve", battery("into the reserve")),
  drone("flies", battery("yes")),
  drone("degraded on the ground", { ...hot, armed: false }),
  drone("on the ground", { armed: false }),
  drone("switched off", { armed: false }, 60_000),
];

test("what needs somebody most comes first, whatever order they come in", () => {
  const shuffled = [...ORDER].reverse();
  assert.deepEqual(worstFirst(shuffled, NOW).map(({ state }) => state.drone_id), ORDER.map(({ state }) => state.drone_id));
});

test("of fifty that are as well as each other the names decide", () => {
  const many = Array.from({ length: 50 }, (_, n) => drone(`ember-${String(n).padStart(2, "0")}`));
  const worst = drone("ember-99", { seeing: "blind", blind_reason: "frozen" });
  const [first, second] = worstFirst([...many, worst], NOW);
  assert.equal(first?.state.drone_id, "ember-99");
  assert.equal(second?.state.drone_id, "ember-00");
  assert.deepEqual(troubleOf(worst, NOW), { rank: 3, why: "blind", detail: "frozen", tone: "bad" });
});

test("a fixed camera does not fly, and is as blind as any", () => {
  assert.equal(troubleOf(drone("mast", { fixed: true, linked: false, armed: null }), NOW).tone, "");
  assert.equal(troubleOf(drone("mast", { fixed: true, seeing: "blind" }), NOW).why, "blind");
});

test("all words of a search have to be in its name, id, mode or patrol", () => {
  const one = drone("ember-1", { name: "Kestrel", patrol: { name: "North ridge" } as DroneState["patrol"] });
  for (const query of ["", "kes", "RIDGE auto", "ember-1 north"]) assert.equal(matching([one], query).length, 1, query);
  assert.equal(matching([one], "kestrel south").length, 0);
});
