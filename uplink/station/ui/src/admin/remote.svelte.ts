// What the station answers, kept as it was last told; and what an admin asks of it.

import type { Translate } from "../i18n.ts";
import { page } from "../page.svelte.ts";
import { isRefusal, refusalOf, type Refusal } from "../session.svelte.ts";

const PATIENCE_MS = 30_000; // hashing passwords, reading an audit log: no pilot waits for it
const AT_ONCE = 50;

/** One answer. */
export class Remote<Value> {
  value = $state.raw<Value | null>(null);
  refusal = $state.raw<Refusal | null>(null);
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async refresh(): Promise<void> {
    const answer = await ask<Value>("GET", this.#path);
    if (isRefusal(answer)) this.refusal = answer;
    else [this.value, this.refusal] = [answer, null];
  }
}

/** A list that comes page by page. */
export class Pages<Row> {
  rows = $state.raw<readonly Row[] | null>(null);
  refusal = $state.raw<Refusal | null>(null);
  more = $state(false);
  readonly #path: () => string;
  readonly #mark: (last: Row) => string;
  #asked = 0;

  /** `path` ends in a `?` or a value; `mark` is what goes behind it to go on after a row. */
  constructor(path: () => string, mark: (last: Row) => string) {
    this.#path = path;
    this.#mark = mark;
  }

  async first(): Promise<void> {
    await this.#get("", []);
  }

  async next(): Promise<void> {
    const last = this.rows?.at(-1);
    if (last !== undefined) await this.#get(`&${this.#mark(last)}`, this.rows ?? []);
  }

  async #get(mark: string, before: readonly Row[]): Promise<void> {
    const asked = ++this.#asked;
    const answer = await ask<Row[]>("GET", `${this.#path()}&limit=${AT_ONCE}${mark}`);
    if (asked !== this.#asked) return; // somebody has asked for something else meanwhile
    if (isRefusal(answer)) this.refusal = answer;
    else [this.rows, this.more, this.refusal] = [[...before, ...answer], answer.length === AT_ONCE, null];
  }
}

/** Null when it was done. */
export async function change(
  method: string,
  path: string,
  body?: object,
  more: Readonly<Record<string, string>> = {},
): Promise<Refusal | null> {
  const answer = await page.session.fetch(method, path, body, PATIENCE_MS, more);
  if (answer?.status === 401) await page.session.identify();
  return answer?.ok ? null : refusalOf(answer);
}

/** As `change`, with what the station answers. */
export function ask<Answer>(method: string, path: string, body?: object): Promise<Answer | Refusal> {
  return page.session.request<Answer>(method, path, body, PATIENCE_MS);
}

export function why(refusal: Refusal, t: Translate): string {
  return refusal.reason || t("noAnswer");
}

/** A name as a part of a path. */
export function part(name: string): string {
  return encodeURIComponent(name);
}
