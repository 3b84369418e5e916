// What a person does with incidents. Each step names the version that they saw: where somebody was faster nothing
// changes, and what it is now is shown with the reason.

import { incidentIn } from "../guard.ts";
import type { Session } from "../session.svelte.ts";
import type { Incident, LiveEvent } from "../station.ts";

export type StepKind = "acknowledge" | "dispatch" | "confirm" | "resolve" | "false alarm" | "reopen" | "note";

/** What came of the latest step, on the incident that it was about. */
export interface Said {
  /** `faster`: somebody changed it before; `joined`: it is a part of another one now. */
  readonly what: "faster" | "joined" | "refused";
  readonly detail: string;
}

const ANSWER_MS = 8_000;

export class Work {
  said = $state.raw<Readonly<Record<string, Said>>>({});
  /** Incidents with a step on its way: their buttons wait. */
  busy = $state.raw<ReadonlySet<string>>(new Set());
  #session: Session;
  #hear: (event: LiveEvent) => void;
  #select: (id: string) => void;

  constructor(session: Session, hear: (event: LiveEvent) => void, select: (id: string) => void) {
    this.#session = session;
    this.#hear = hear;
    this.#select = select;
  }

  step(incident: Incident, step: StepKind, reason = "", unit = ""): Promise<boolean> {
    return this.#do(incident, "steps", { step, reason, unit });
  }

  merge(incident: Incident, others: readonly string[], reason: string): Promise<boolean> {
    return this.#do(incident, "merge", { incident_ids: others, reason });
  }

  split(incident: Incident, alertIds: readonly string[], reason: string): Promise<boolean> {
    return this.#do(incident, "split", { alert_ids: alertIds, reason });
  }

  undo(incident: Incident, decisionId: string, reason: string): Promise<boolean> {
    return this.#do(incident, "undo", { decision_id: decisionId, reason });
  }

  /** It was read. */
  forget(id: string): void {
    const { [id]: _, ...others } = this.said;
    this.said = others;
  }

  async #do(incident: Incident, verb: string, body: object): Promise<boolean> {
    const { id, version } = incident;
    if (this.busy.has(id)) return false;
    this.busy = new Set([...this.busy, id]);
    this.forget(id);
    try {
      const seen = { "If-Match": `"${version}"` };
      const answer = await this.#session.fetch("POST", `incidents/${id}/${verb}`, body, ANSWER_MS, seen);
      if (answer?.status === 401) await this.#session.identify();
      return await this.#take(id, answer);
    } finally {
      this.busy = new Set([...this.busy].filter((one) => one !== id));
    }
  }

  async #take(id: string, answer: Response | null): Promise<boolean> {
    if (answer === null) return this.#say(id, "refused", "");
    const said: unknown = await answer.json().catch(() => null);
    if (answer.ok) {
      for (const incident of incidentsIn(said)) this.#hear({ type: "incident", data: incident });
      const [now] = incidentsIn(said);
      if (now && now.id !== id) this.#select(now.id);
      return true;
    }
    const { detail, current, incident_id } = (said ?? {}) as { detail?: unknown; current?: unknown; incident_id?: string };
    const words = typeof detail === "string" ? detail : `HTTP ${answer.status}`;
    if (answer.status === 410 && incident_id) {
      this.#select(incident_id);
      return this.#say(incident_id, "joined", words);
    }
    const fresh = answer.status === 409 ? incidentIn(current) : null;
    if (fresh) {
      this.#hear({ type: "incident", data: fresh });
      return this.#say(id, "faster", words);
    }
    return this.#say(id, "refused", words);
  }

  #say(id: string, what: Said["what"], detail: string): false {
    this.said = { ...this.said, [id]: { what, detail } };
    return false;
  }
}

/** An answer is one incident, or both halves of one. */
function incidentsIn(answer: unknown): Incident[] {
  const { stays, leaves } = (answer ?? {}) as { stays?: unknown; leaves?: unknown };
  return [answer, stays, leaves].flatMap((one) => incidentIn(one) ?? []);
}
