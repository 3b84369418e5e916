import assert from "node:assert/strict";
import { test } from "node:test";
import type { DroneState, OrderKind, PatrolPhase, PatrolProgress } from "../../../uplink/station/ui/src/messages.ts";
import { holding, may, mayOrder, permit, reasonOf, renews, YES, type Circumstances } from "../../../uplink/station/ui/src/permits.ts";
import { EMPTY_WORLD, ordersOf, reduce } from "../../../uplink/station/ui/src/state.ts";
import type { LeaseState, LoggedOrder, SessionState } from "../../../uplink/station/ui/src/station.ts";

const ME: SessionState =
  { name: "Ann", role: "pilot", tag: "me", sign_in_needed: true, csrf_token: "", ends_at: null };
const MINE: Circumstances = { role: YES, holding: "mine", heard: true, orders: [] };
const KINDS: OrderKind[] = ["grant", "revoke", "start", "pause", "resume", "look again", "no look"];

function lease(change: Partial<LeaseState> = {}): LeaseState {
  const free = { holder: null, holder_tag: null, expires_in_s: 0, asking: null, asking_tag: null };
  return { drone_id: "kestrel", ...free, ...change };
}

function drone(change: Partial<DroneState> = {}, phase: PatrolPhase = "ready"): DroneState {
  const patrol = { phase, plan_matches: true } as PatrolProgress;
  return { control: "granted", objection: "", veto: "", patrol, preflight: [], ...change } as DroneState;
}

function order(change: Partial<LoggedOrder>): LoggedOrder {
  return { id: "1", drone_id: "kestrel", kind: "start", at: "2026-07-01T12:00:00Z", fate: "waiting", ...change } as LoggedOrder;
}

test("a lease is mine by the tag of this page, never by the name alone", () => {
  assert.equal(holding(undefined, ME), "free");
  assert.equal(holding(lease(), ME), "free");
  assert.equal(holding(lease({ holder: "Ann", holder_tag: "me" }), ME), "mine");
  assert.equal(holding(lease({ holder: "Ann", holder_tag: "her other page" }), ME), "other");
  assert.equal(holding(lease({ holder: "Ann", holder_tag: "me" }), null), "other");
  assert.equal(holding(lease({ holder: "Bo", holder_tag: "me" }), ME), "other", "who sat here before");
});

test("without control, or of a drone that is not heard, nothing is ordered but a stand-down", () => {
  for (const now of [{ ...MINE, holding: "free" }, { ...MINE, holding: "other" }, { ...MINE, heard: false }] as const) {
    for (const kind of KINDS) assert.equal(may(permit(kind, drone(), now)), false, kind);
    assert.equal(may(permit("stand down", drone(), now)), true);
  }
});

test("a viewer orders nothing, not even a stand-down, and is told why", () => {
  const role = mayOrder({ ...ME, role: "viewer" });
  for (const kind of [...KINDS, "stand down"] as const) {
    assert.equal(permit(kind, drone(), { ...MINE, role }).why, "whyRole", kind);
  }
  for (const able of ["pilot", "admin"] as const) assert.ok(may(mayOrder({ ...ME, role: able })));
});

test("a grant waits until nothing stands against it, and says what does", () => {
  const off = { control: "hands off" } as const;
  assert.ok(may(permit("grant", drone(off), MINE)));
  assert.equal(permit("grant", drone({ ...off, objection: "stable for 2 s of 5 s" }), MINE).detail, "stable for 2 s of 5 s");
  assert.equal(permit("grant", drone({ ...off, objection: "x", veto: "switch" }), MINE).detail, "switch");
  assert.equal(permit("grant", drone({ control: "read only" }), MINE).why, "whyReadOnly");
  assert.equal(permit("grant", drone(), MINE).why, "whyGranted");
});

test("no order but a grant without a grant", () => {
  for (const kind of ["revoke", "start", "pause", "resume", "look again"] as const) {
    assert.equal(permit(kind, drone({ control: "hands off" }), MINE).why, "whyGrantFirst");
  }
  assert.ok(may(permit("no look", drone({ control: "hands off" }), MINE)), "to decline is always possible");
});

test("a patrol is started, paused and resumed in its phases only", () => {
  const phases: PatrolPhase[] =
    ["waiting", "ready", "flying", "paused", "looking again", "returning", "done", "interrupted"];
  const allowed = (kind: OrderKind): PatrolPhase[] => phases.filter((phase) => may(permit(kind, drone({}, phase), MINE)));
  assert.deepEqual(allowed("start"), ["waiting", "ready", "done"]);
  assert.deepEqual(allowed("pause"), ["flying", "looking again", "returning"]);
  assert.deepEqual(allowed("resume"), ["paused", "interrupted"]);
  assert.equal(permit("start", drone({ patrol: null }), MINE).why, "whyNoPatrol");
});

test("nothing starts on a plan that differs or a preflight that failed", () => {
  const line = (passed: boolean | null): DroneState["preflight"] => [{ name: "Battery", passed, detail: "41 %" }];
  const failed = permit("start", drone({ preflight: [...line(null), ...line(false)] }), MINE);
  assert.equal(failed.why, "whyPreflight");
  assert.equal(reasonOf(failed, (key) => `<${key}>`), "<whyPreflight>: Battery: 41 %");
  assert.ok(may(permit("start", drone({ preflight: line(true) }), MINE)));
  const patrol = { phase: "paused", plan_matches: false } as PatrolProgress;
  assert.equal(permit("resume", drone({ patrol }), MINE).why, "whyPlan");
  assert.ok(may(permit("pause", drone({ patrol: { ...patrol, phase: "flying" } }), MINE)), "pausing is always safe");
});

test("what is on its way is not ordered twice", () => {
  assert.equal(permit("start", drone(), { ...MINE, orders: [order({})] }).why, "whyUnderWay");
  assert.ok(may(permit("start", drone(), { ...MINE, orders: [order({ fate: "expired" })] })));
});

test("a page that nobody uses lets go, sooner when somebody asks", () => {
  const held = lease({ holder: "Ann", holder_tag: "me" });
  assert.ok(renews(held, ME, 299_000));
  assert.ok(!renews(held, ME, 301_000));
  assert.ok(renews({ ...held, asking: "Bob" }, ME, 29_000));
  assert.ok(!renews({ ...held, asking: "Bob" }, ME, 31_000));
  assert.ok(!renews(lease(), ME, 0), "what ran out is taken by a person");
});

test("orders are kept by id, per drone, the newest first, and not without bound", () => {
  const later = order({ id: "2", at: "2026-07-01T12:00:05Z" });
  let world = [order({}), later, order({ fate: "done" }), order({ id: "3", drone_id: "other" })]
    .reduce((known, data) => reduce(known, { type: "order", data }, 0), EMPTY_WORLD);
  assert.deepEqual(ordersOf(world, "kestrel").map((one) => [one.id, one.fate]), [["2", "waiting"], ["1", "done"]]);
  for (let n = 10; n < 500; n++) world = reduce(world, { type: "order", data: order({ id: `o${n}` }) }, 0);
  assert.equal(Object.keys(world.orders).length, 100);
});

const SENDS: OrderKind[] = ["go to", "orbit", "hold", "change height", "return", "land"];

test("what takes a drone somewhere needs a grant, the air and a position, and no patrol", () => {
  const position = { lat_deg: 1, lon_deg: 2 } as DroneState["position"];
  const air = { armed: true, position, patrol: null, sent: null } as const;
  for (const kind of SENDS) {
    assert.ok(may(permit(kind, drone(air), MINE)), kind);
    assert.equal(permit(kind, drone({ ...air, control: "hands off" }), MINE).why, "whyGrantFirst", kind);
    assert.equal(permit(kind, drone({ ...air, armed: false }), MINE).why, "whyOnGround", kind);
    assert.equal(permit(kind, drone({ ...air, fixed: true }), MINE).why, "whyFixed", kind);
    const lost = permit(kind, drone({ ...air, position: null }), MINE);
    assert.equal(lost.why, kind === "return" ? "" : "whyNoPosition", kind);
    const sent = { kind } as DroneState["sent"];
    const again = permit(kind, drone({ ...air, sent }), MINE).why;
    assert.equal(again, kind === "return" || kind === "land" ? "whyDoesThat" : "", kind);
  }
});

test("a question on its way to the drone stops no order", () => {
  const air = { armed: true, position: { lat_deg: 1, lon_deg: 2 } as DroneState["position"], sent: null };
  const waits = (only_check: boolean): Circumstances => ({ ...MINE, orders: [order({ kind: "go to", only_check })] });
  assert.ok(may(permit("go to", drone(air), waits(true))));
  assert.equal(permit("go to", drone(air), waits(false)).why, "whyUnderWay");
});
