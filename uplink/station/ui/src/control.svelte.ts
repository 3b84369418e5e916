// Control as this page has it: who we are, the leases we hold and keep, and the orders that we send.

import type { OrderKind } from "./messages.ts";
import { renews } from "./permits.ts";
import { stationUrl, type LeaseState, type OperatorState } from "./station.ts";

const SESSION_KEY = "emberwatch.session";
const OPERATOR_KEY = "emberwatch.operator-key";
const ANSWER_MS = 5_000;
const RENEW_EVERY_MS = 10_000;

export class Control {
  operator = $state.raw<OperatorState | null>(null);
  /** Why the last request was not taken; null when it was. An empty text means no answer at all. */
  failure = $state<string | null>(null);
  wrongKey = $state(false);

  #session = session();
  #key = recall(OPERATOR_KEY) ?? "";
  #usedAt = Date.now();

  start(leases: () => Readonly<Record<string, LeaseState>>): () => void {
    const used = (): void => {
      this.#usedAt = Date.now();
    };
    addEventListener("pointerdown", used);
    addEventListener("keydown", used);
    void this.identify();
    const keeping = setInterval(() => {
      if (this.operator === null) void this.identify();
      const idle = Date.now() - this.#usedAt;
      for (const lease of Object.values(leases())) {
        if (renews(lease, this.operator, idle)) void this.#ask("PUT", leasePath(lease.drone_id), {}, true);
      }
    }, RENEW_EVERY_MS);
    return () => {
      clearInterval(keeping);
      removeEventListener("pointerdown", used);
      removeEventListener("keydown", used);
    };
  }

  async identify(): Promise<void> {
    const answer = await this.#fetch("GET", "operator");
    if (answer?.ok) this.operator = (await answer.json()) as OperatorState;
  }

  async signIn(key: string): Promise<void> {
    this.#key = key.trim();
    keep(OPERATOR_KEY, this.#key);
    await this.identify();
    this.wrongKey = key !== "" && this.operator?.name === null;
  }

  take(droneId: string): Promise<boolean> {
    return this.#ask("POST", leasePath(droneId));
  }

  /** Somebody has it: being refused is what asking looks like. */
  askFor(droneId: string): Promise<boolean> {
    return this.#ask("POST", leasePath(droneId), undefined, true);
  }

  handOver(droneId: string): Promise<boolean> {
    return this.#ask("PUT", leasePath(droneId), { hand_over: true });
  }

  release(droneId: string): Promise<boolean> {
    return this.#ask("DELETE", leasePath(droneId));
  }

  order(droneId: string, kind: OrderKind, alertId: string | null = null): Promise<boolean> {
    return this.#ask("POST", `drones/${droneId}/orders`, { kind, alert_id: alertId });
  }

  standDown(): Promise<boolean> {
    return this.#ask("POST", "stand-down");
  }

  async #ask(method: string, path: string, body?: object, quiet = false): Promise<boolean> {
    const answer = await this.#fetch(method, path, body);
    if (answer?.status === 401) await this.identify();
    if (!quiet) this.failure = answer?.ok ? null : answer ? await reason(answer) : "";
    return answer?.ok ?? false;
  }

  async #fetch(method: string, path: string, body?: object): Promise<Response | null> {
    const headers: Record<string, string> = { "X-Emberwatch-Session": this.#session };
    if (this.#key) headers["Authorization"] = `Bearer ${this.#key}`;
    if (body) headers["Content-Type"] = "application/json";
    try {
      return await fetch(stationUrl(`api/v1/${path}`), {
        method,
        headers,
        cache: "no-store",
        signal: AbortSignal.timeout(ANSWER_MS),
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
    } catch {
      return null;
    }
  }
}

function leasePath(droneId: string): string {
  return `drones/${droneId}/lease`;
}

async function reason(answer: Response): Promise<string> {
  try {
    const { detail } = (await answer.json()) as { detail: unknown };
    if (typeof detail === "string") return detail;
  } catch {
    // a proxy's page
  }
  return `HTTP ${answer.status}`;
}

/** One number for this tab: a reload keeps it, so that a reload does not lose control. */
function session(): string {
  const known = recall(SESSION_KEY);
  if (known) return known;
  // randomUUID exists on https and localhost only, and a station may be neither.
  const random = [...crypto.getRandomValues(new Uint8Array(16))];
  const made = random.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  keep(SESSION_KEY, made);
  return made;
}

function recall(name: string): string | null {
  try {
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}

function keep(name: string, value: string): void {
  try {
    sessionStorage.setItem(name, value);
  } catch {
    // then a reload begins anew
  }
}
