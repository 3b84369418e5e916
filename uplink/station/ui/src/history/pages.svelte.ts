// A list that comes in pages: the first again when what is asked for changes, the next when it is wanted.

import { isRefusal, type Refusal, type Session } from "../session.svelte.ts";

const PAGE = 50;

export class Pages<Row extends { readonly id: string }> {
  rows = $state.raw<readonly Row[]>([]);
  failure = $state.raw<Refusal | null>(null);
  loading = $state(false);
  more = $state(false);
  #asked = 0; // an answer that comes late is not for what is asked now

  readonly #session: Session;
  readonly #path: string;

  constructor(session: Session, path: string) {
    this.#session = session;
    this.#path = path;
  }

  async load(query: URLSearchParams, goOn = false): Promise<void> {
    const asked = ++this.#asked;
    const wanted = new URLSearchParams(query);
    wanted.set("limit", String(PAGE));
    const last = this.rows.at(-1);
    if (goOn && last) wanted.set("before", last.id);
    this.loading = true;
    const answer = await this.#session.request<Row[]>("GET", `${this.#path}?${wanted}`);
    if (asked !== this.#asked) return;
    this.loading = false;
    this.failure = isRefusal(answer) ? answer : null;
    if (isRefusal(answer)) return;
    this.more = answer.length === PAGE;
    this.rows = goOn ? [...this.rows, ...answer] : answer;
  }
}
