// What lies on the desk of who works incidents: the steps, the filter, what is asked just now.

import { page } from "../page.svelte.ts";
import type { Incident } from "../station.ts";
import { EVERYTHING, type Filter } from "./filters.ts";
import type { IncidentDetail } from "./wire.ts";
import { Work, type StepKind } from "./work.svelte.ts";

export type Tab = "open" | "tips" | "settled" | "suppressed";

/** What needs a word before it is done; acknowledging needs none. */
export type StepAsked =
  | { readonly what: Exclude<StepKind, "acknowledge">; readonly id: string }
  | { readonly what: "undo"; readonly id: string; readonly decision: string };
/** A dialog about one incident. */
export type Asked =
  | StepAsked
  | { readonly what: "merge" | "split" | "crew"; readonly id: string }
  | { readonly what: "photo"; readonly id: string; readonly number: number };

export function isStep(asked: Asked): asked is StepAsked {
  return !["merge", "split", "crew", "photo"].includes(asked.what);
}

class Desk {
  tab = $state<Tab>("open");
  filter = $state.raw<Filter>(EVERYTHING);
  asked = $state.raw<Asked | null>(null);
  /** Settled ones, which the page's world does not keep. */
  settled = $state.raw<Readonly<Record<string, Incident>>>({});
  readonly work = new Work(
    page.session,
    (event) => page.hear(event),
    (id) => (page.selected = id),
  );

  /** As it is now, whether it is open or settled. */
  incident(id: string): Incident | null {
    return page.world.incidents[id] ?? this.settled[id] ?? null;
  }

  ask(asked: Asked): void {
    this.work.forget(asked.id);
    this.asked = asked;
  }

  async detail(id: string): Promise<IncidentDetail | null> {
    const answer = await page.session.fetch("GET", `incidents/${id}`);
    return answer?.ok ? ((await answer.json()) as IncidentDetail) : null;
  }
}

export const desk = new Desk();

export function droneName(droneId: string): string {
  return page.world.drones[droneId]?.state.name || droneId;
}
