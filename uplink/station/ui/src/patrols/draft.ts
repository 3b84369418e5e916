// A patrol while it is drawn: what a new one begins with, what it lacks, and every step back. Pure.

import { DRAG } from "../map/ring.ts";
import type { Key } from "../i18n.ts";
import type { ImportedPatrol, LatLon, PatrolDraft, PatrolFile, PatrolKind } from "./answers.ts";
import { cornersOf, crossing, type ShapeName } from "./shapes.ts";

export const USUAL = {
  camera: "generic_78",
  height_agl_m: 60,
  gimbal_pitch_deg: -60,
  side_overlap: 0.3,
  speed_m_s: 8,
  hold_s: 5,
  ceiling_home_m: 120,
  least_height_agl_m: 20,
  endurance_s: 1500,
  reserve_percent: 25,
} as const;

export function newDraft(name: string): PatrolDraft {
  return { patrol: { name, area: [], ...USUAL } };
}

export function kindOf(patrol: PatrolFile): PatrolKind {
  if (patrol.plan != null) return "plan";
  if (patrol.corridor != null) return "corridor";
  return patrol.points != null ? "points" : "area";
}

/** The same ground to be looked at in another way: the corners go along. */
export function asKind(patrol: PatrolFile, kind: Exclude<PatrolKind, "plan">): PatrolFile {
  const corners = cornersOf(patrol, kindOf(patrol) as ShapeName);
  const { area: _area, corridor: _corridor, points: _points, ...rest } = patrol;
  switch (kind) {
    case "area":
      return { ...rest, area: corners };
    case "corridor":
      return { ...rest, corridor: { line: corners, width_m: 60 } };
    case "points":
      return { ...rest, points: corners };
  }
}

/** What a file brought, in place of what was drawn; all else stays. */
export function withImported(draft: PatrolDraft, found: ImportedPatrol): PatrolDraft {
  if (found.patrol) return found.plan_text ? { patrol: found.patrol, plan_text: found.plan_text } : { patrol: found.patrol };
  const { area: _area, corridor: _corridor, points: _points, plan: _plan, ...rest } = draft.patrol;
  const kept = draft.patrol.plan != null ? { name: found.name, ...USUAL } : { ...rest, name: found.name };
  return { patrol: found.corridor ? { ...kept, corridor: found.corridor } : { ...kept, area: found.area ?? [] } };
}

/** What has to be there before the station can plan it; empty when all is. */
export function missing({ patrol }: PatrolDraft): Key | "" {
  if (!patrol.name.trim()) return "patrolNeedsName";
  switch (kindOf(patrol)) {
    case "plan":
      return "";
    case "area":
      if ((patrol.area ?? []).length < 3) return "patrolNeedsArea";
      break;
    case "corridor":
      if ((patrol.corridor?.line ?? []).length < 2) return "patrolNeedsLine";
      break;
    case "points":
      if ((patrol.points ?? []).length < 1) return "patrolNeedsPoints";
  }
  if (!patrol.home) return "patrolNeedsHome";
  if (patrol.fence && patrol.fence.length < 3) return "patrolNeedsFence";
  return (patrol.no_fly ?? []).some((zone) => Array.isArray(zone) && zone.length < 3) ? "patrolNeedsZone" : "";
}

/** Where sides of what is drawn cross: no such thing can be flown. */
export function crossings({ patrol }: PatrolDraft): { shape: ShapeName; at: LatLon }[] {
  const rings: ShapeName[] = ["area", "fence", ...(patrol.no_fly ?? []).map((_, i): ShapeName => `no-fly:${i}`)];
  return rings.flatMap((shape) => {
    const at = crossing(cornersOf(patrol, shape));
    return at ? [{ shape, at }] : [];
  });
}

/** As it is sent: without what is empty. */
export function toSend(draft: PatrolDraft): PatrolDraft {
  const patrol = Object.fromEntries(
    Object.entries(draft.patrol).filter(([, value]) => value != null && !(Array.isArray(value) && value.length === 0)),
  ) as unknown as PatrolFile;
  return draft.plan_text ? { patrol: { ...patrol, name: patrol.name.trim() }, plan_text: draft.plan_text } : { patrol };
}

export function sameDraft(one: PatrolDraft, other: PatrolDraft): boolean {
  return canonical(toSend(one)) === canonical(toSend(other));
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/** Everything that was done, and where we are in it. */
export interface Steps {
  readonly past: readonly PatrolDraft[];
  readonly now: PatrolDraft;
  readonly future: readonly PatrolDraft[];
  /** What the last step was about: another of the same kind within a moment is the same step. */
  readonly about: string;
  readonly atMs: number;
}

const MOST_STEPS = 200;
const SAME_STEP_MS = 1_000;

export function begun(draft: PatrolDraft): Steps {
  return { past: [], now: draft, future: [], about: "", atMs: 0 };
}

/** `about` names what is typed or dragged, so that a word or a way is one step; empty: a step of its own. */
export function done(steps: Steps, draft: PatrolDraft, about: string, nowMs: number): Steps {
  const goesOn = about !== "" && about === steps.about && (about.startsWith(DRAG) || nowMs - steps.atMs < SAME_STEP_MS);
  const past = goesOn ? steps.past : [...steps.past, steps.now].slice(-MOST_STEPS);
  return { past, now: draft, future: [], about, atMs: nowMs };
}

export function undone(steps: Steps): Steps {
  const before = steps.past.at(-1);
  if (!before) return steps;
  return { past: steps.past.slice(0, -1), now: before, future: [steps.now, ...steps.future], about: "", atMs: 0 };
}

export function redone(steps: Steps): Steps {
  const [next, ...future] = steps.future;
  return next ? { past: [...steps.past, steps.now], now: next, future, about: "", atMs: 0 } : steps;
}
