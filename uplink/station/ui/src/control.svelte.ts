// Control as this page has it: who we are, the leases we hold and keep, and the orders that we send.

import type { OrderKind } from "./messages.ts";
import { renews } from "./permits.ts";
import { stationUrl, type Delivery, type LeaseState, type SessionState, type WebhookState } from "./station.ts";

const SESSION_KEY = "emberwatch.session";
const ANSWER_MS = 5_000;
const SIGN_IN_MS = 20_000; // a password is slow to check, and others may be before us
const WEBHOOK_MS = 20_000; // the receiver has ten seconds
const RENEW_EVERY_MS = 10_000;

export interface Refusal {
  /** 0: no answer at all. */
  status: number;
  reason: string;
  waitS: number;
}

export class Control {
  /** Who the station says we are; null until it has answered. */
  session = $state.raw<SessionState | null>(null);
  /** Whether it was asked, so that an answer or none is known. */
  asked = $state(false);
  wasSignedIn = $state(false);
  /** Why the last request was not taken; null when it was. An empty text means no answer at all. */
  failure = $state<string | null>(null);
  readonly mustSignIn = $derived(this.session !== null && this.session.sign_in_needed && this.session.name === null);

  #number = session();
  #usedAt = Date.now();
  #onSession: (mayLook: boolean) => void = () => {};

  /** `onSession` hears whether the station shows us anything, each time that we know. */
  start(leases: () => Readonly<Record<string, LeaseState>>, onSession: (mayLook: boolean) => void): () => void {
    const used = (): void => {
      this.#usedAt = Date.now();
    };
    addEventListener("pointerdown", used);
    addEventListener("keydown", used);
    this.#onSession = onSession;
    void this.identify();
    const keeping = setInterval(() => {
      if (this.session === null) void this.identify();
      const idle = Date.now() - this.#usedAt;
      for (const lease of Object.values(leases())) {
        if (renews(lease, this.session, idle)) void this.#ask("PUT", leasePath(lease.drone_id), {}, true);
      }
    }, RENEW_EVERY_MS);
    return () => {
      clearInterval(keeping);
      removeEventListener("pointerdown", used);
      removeEventListener("keydown", used);
    };
  }

  async identify(): Promise<void> {
    const answer = await this.#fetch("GET", "session");
    if (answer?.ok) this.#know((await answer.json()) as SessionState);
    else if (!this.asked) this.#onSession(true); // it tries until there is a station
    this.asked = true;
  }

  /** Null when it worked. */
  async signIn(name: string, password: string): Promise<Refusal | null> {
    const answer = await this.#fetch("POST", "session", { name: name.trim(), password }, SIGN_IN_MS);
    if (!answer?.ok) return refusal(answer);
    this.#know((await answer.json()) as SessionState);
    return null;
  }

  async signOut(): Promise<void> {
    await this.#fetch("DELETE", "session");
    await this.identify();
    this.wasSignedIn = false; // by their own wish: nothing to explain
  }

  /** Null when it worked. */
  async changePassword(old: string, fresh: string): Promise<Refusal | null> {
    const body = { old_password: old, new_password: fresh };
    const answer = await this.#fetch("PUT", "session/password", body, SIGN_IN_MS);
    return answer?.ok ? null : refusal(answer);
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

  sendTo(droneId: string, tipId: string): Promise<boolean> {
    return this.#ask("POST", `drones/${droneId}/orders`, { kind: "look at", tip_id: tipId });
  }

  settleTip(tipId: string, step: "close" | "dismiss", reason: string): Promise<boolean> {
    return this.#ask("POST", `tips/${tipId}/steps`, { step, reason });
  }

  standDown(): Promise<boolean> {
    return this.#ask("POST", "stand-down");
  }

  /** How the webhooks fare; null when that cannot be known. */
  async webhooks(): Promise<WebhookState[] | null> {
    const answer = await this.#fetch("GET", "webhooks");
    return answer?.ok ? ((await answer.json()) as WebhookState[]) : null;
  }

  /** What came of a test. */
  async testWebhook(id: string): Promise<Delivery | Refusal> {
    const answer = await this.#fetch("POST", `webhooks/${id}/test`, undefined, WEBHOOK_MS);
    return answer?.ok ? ((await answer.json()) as Delivery) : refusal(answer);
  }

  enableWebhook(id: string): Promise<boolean> {
    return this.#ask("POST", `webhooks/${id}/enable`);
  }

  /** Sends again whatever was given up. */
  replayWebhook(id: string): Promise<boolean> {
    return this.#ask("POST", `webhooks/${id}/replay`, { since: "1970-01-01T00:00:00Z" });
  }

  async #ask(method: string, path: string, body?: object, quiet = false): Promise<boolean> {
    const answer = await this.#fetch(method, path, body);
    if (answer?.status === 401) await this.identify();
    if (!quiet) this.failure = answer?.ok ? null : answer ? await reason(answer) : "";
    return answer?.ok ?? false;
  }

  #know(session: SessionState): void {
    this.wasSignedIn ||= this.session?.name != null;
    this.session = session;
    this.#onSession(session.name !== null);
  }

  async #fetch(method: string, path: string, body?: object, patienceMs = ANSWER_MS): Promise<Response | null> {
    const headers: Record<string, string> = { "X-Emberwatch-Session": this.#number };
    if (this.session?.csrf_token) headers["X-Emberwatch-Csrf"] = this.session.csrf_token;
    if (body) headers["Content-Type"] = "application/json";
    try {
      return await fetch(stationUrl(`api/v1/${path}`), {
        method,
        headers,
        cache: "no-store",
        signal: AbortSignal.timeout(patienceMs),
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

async function refusal(answer: Response | null): Promise<Refusal> {
  if (answer === null) return { status: 0, reason: "", waitS: 0 };
  const waitS = Number(answer.headers.get("Retry-After") ?? 0);
  return { status: answer.status, reason: await reason(answer), waitS };
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
