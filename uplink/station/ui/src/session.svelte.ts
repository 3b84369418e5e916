// Who the station says we are, and every request that the page makes of it.

import { recall, remember, THIS_TAB } from "./memory.ts";
import { stationUrl, type SessionState } from "./station.ts";

const NUMBER_KEY = "emberwatch.session";
const ANSWER_MS = 5_000;
const SIGN_IN_MS = 20_000; // a password is slow to check, and others may be before us
const ASK_AGAIN_MS = 10_000;

export interface Refusal {
  /** 0: no answer at all. */
  status: number;
  reason: string;
  waitS: number;
}

export class Session {
  /** Null until the station has answered. */
  state = $state.raw<SessionState | null>(null);
  /** Whether it was asked, so that an answer or none is known. */
  asked = $state(false);
  wasSignedIn = $state(false);
  /** Why the last request was not taken; null when it was. An empty text means no answer at all. */
  failure = $state<string | null>(null);
  readonly mustSignIn = $derived(this.state !== null && this.state.sign_in_needed && this.state.name === null);

  #number = numberOfTab();
  #onSession: (mayLook: boolean) => void = () => {};

  /** `onSession` hears whether the station shows us anything, each time that we know. */
  start(onSession: (mayLook: boolean) => void): () => void {
    this.#onSession = onSession;
    void this.identify();
    const asking = setInterval(() => this.state === null && void this.identify(), ASK_AGAIN_MS);
    return () => clearInterval(asking);
  }

  async identify(): Promise<void> {
    const answer = await this.fetch("GET", "session");
    if (answer?.ok) this.#know((await answer.json()) as SessionState);
    else if (!this.asked) this.#onSession(true); // it tries until there is a station
    this.asked = true;
  }

  /** Null when it worked. */
  async signIn(name: string, password: string): Promise<Refusal | null> {
    const answer = await this.fetch("POST", "session", { name: name.trim(), password }, SIGN_IN_MS);
    if (!answer?.ok) return refusalOf(answer);
    this.#know((await answer.json()) as SessionState);
    return null;
  }

  async signOut(): Promise<void> {
    await this.fetch("DELETE", "session");
    await this.identify();
    this.wasSignedIn = false; // by their own wish: nothing to explain
  }

  /** Null when it worked. */
  async changePassword(old: string, fresh: string): Promise<Refusal | null> {
    const body = { old_password: old, new_password: fresh };
    const answer = await this.fetch("PUT", "session/password", body, SIGN_IN_MS);
    return answer?.ok ? null : refusalOf(answer);
  }

  /** Whether it was taken; `failure` says why not, unless it is `quiet`. */
  async ask(method: string, path: string, body?: object, quiet = false): Promise<boolean> {
    const answer = await this.fetch(method, path, body);
    if (answer?.status === 401) await this.identify();
    if (!quiet) this.failure = answer?.ok ? null : answer ? await reason(answer) : "";
    return answer?.ok ?? false;
  }

  /** What the station answers to `path`, or why it does not. A station of this version says a `T`. */
  async request<T>(method: string, path: string, body?: object, patienceMs = ANSWER_MS): Promise<T | Refusal> {
    const answer = await this.fetch(method, path, body, patienceMs);
    if (answer?.status === 401) await this.identify();
    return answer?.ok ? ((await answer.json()) as T) : refusalOf(answer);
  }

  /** Below `api/v1/`, as whoever is signed in; null: no answer at all. */
  async fetch(
    method: string,
    path: string,
    body?: object,
    patienceMs = ANSWER_MS,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Response | null> {
    const headers: Record<string, string> = { "X-Emberwatch-Session": this.#number, ...more };
    if (this.state?.csrf_token) headers["X-Emberwatch-Csrf"] = this.state.csrf_token;
    const file = body instanceof Blob;
    if (body) headers["Content-Type"] = file ? "application/octet-stream" : "application/json";
    try {
      const answer = await fetch(stationUrl(`api/v1/${path}`), {
        method,
        headers,
        cache: "no-store",
        signal: AbortSignal.timeout(patienceMs),
        ...(body ? { body: file ? body : JSON.stringify(body) } : {}),
      });
      // All of it, or the line that breaks in the middle of an answer would be noticed by nobody.
      const said = await answer.arrayBuffer();
      const { status, headers: told } = answer;
      return new Response(said.byteLength > 0 ? said : null, { status, headers: told });
    } catch {
      return null;
    }
  }

  #know(state: SessionState): void {
    this.wasSignedIn ||= this.state?.name != null;
    this.state = state;
    this.#onSession(state.name !== null);
  }
}

export function isRefusal(answer: unknown): answer is Refusal {
  return typeof answer === "object" && answer !== null && "waitS" in answer;
}

export async function refusalOf(answer: Response | null): Promise<Refusal> {
  if (answer === null) return { status: 0, reason: "", waitS: 0 };
  const waitS = Number(answer.headers.get("Retry-After") ?? 0);
  return { status: answer.status, reason: await reason(answer), waitS };
}

async function reason(answer: Response): Promise<string> {
  try {
    const { detail } = (await answer.json()) as { detail: unknown };
    if (typeof detail === "string") return detail;
    if (Array.isArray(detail)) return detail.map(wrongPart).join("; ");
  } catch {
    // a proxy's page
  }
  return `HTTP ${answer.status}`;
}

/** Of a request that makes no sense: where, and what is wrong there. */
function wrongPart({ loc, msg }: { loc: (string | number)[]; msg: string }): string {
  return [loc.slice(1).join("."), msg.replace("Value error, ", "")].filter(Boolean).join(": ");
}

/** One number for this tab: a reload keeps it, so that a reload does not lose control. */
function numberOfTab(): string {
  const known = recall(NUMBER_KEY, THIS_TAB);
  if (known) return known;
  // randomUUID exists on https and localhost only, and a station may be neither.
  const random = [...crypto.getRandomValues(new Uint8Array(16))];
  const made = random.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  remember(NUMBER_KEY, made, THIS_TAB);
  return made;
}
