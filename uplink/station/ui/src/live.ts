// The line to the station: a WebSocket that comes back by itself, with back-off, and knows when it went quiet.

import { stationUrl, type Delivery, type Incident, type LiveEvent, type Snapshot } from "./station.ts";

export type LinkState = "connecting" | "live" | "offline";

export interface LinkStatus {
  state: LinkState;
  /** When the station last said anything, ms since 1970; null before the first time. */
  heardAt: number | null;
  /** When the next try is due, while offline. */
  retryAt: number | null;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;
const QUIET_MS = 8_000; // then ask whether the station is still there
const ANSWER_MS = 4_000;
const PAGE_LENGTH = 500;
const READ = "read"; // said after each text: the station tells no more than two texts ahead of us

export class LiveLink {
  #onEvent: (event: LiveEvent) => void;
  #onStatus: (status: LinkStatus) => void;
  #status: LinkStatus = { state: "connecting", heardAt: null, retryAt: null };
  #socket: WebSocket | null = null;
  #failures = 0;
  #retryTimer = 0;
  #quietTimer = 0;

  constructor(onEvent: (event: LiveEvent) => void, onStatus: (status: LinkStatus) => void) {
    this.#onEvent = onEvent;
    this.#onStatus = onStatus;
  }

  start(): () => void {
    const wake = (): void => {
      if (this.#status.state === "offline") this.#connect();
    };
    const sleep = (): void => this.#drop();
    addEventListener("online", wake);
    addEventListener("offline", sleep);
    this.#connect();
    return () => {
      removeEventListener("online", wake);
      removeEventListener("offline", sleep);
      this.#forget();
    };
  }

  #connect(): void {
    this.#forget();
    this.#say({ state: "connecting", retryAt: null });
    const url = stationUrl("api/v1/live");
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onmessage = (message) => {
      this.#hear(String(message.data));
      if (socket.readyState === WebSocket.OPEN) socket.send(READ);
    };
    socket.onclose = () => this.#drop();
    this.#listen();
  }

  #hear(text: string): void {
    this.#say({ state: "live", heardAt: Date.now(), retryAt: null });
    this.#failures = 0;
    this.#listen();
    for (const event of parse(text)) {
      this.#onEvent(event);
      if (event.type === "snapshot") {
        void this.#askDeliveries();
        void this.#askOlderIncidents(event.data);
      }
    }
  }

  /** The snapshot has no deliveries; they are fetched once and then kept by events. */
  async #askDeliveries(): Promise<void> {
    try {
      const answer = await fetch(stationUrl("api/v1/deliveries?limit=500"), { signal: AbortSignal.timeout(ANSWER_MS) });
      if (!answer.ok) return;
      for (const data of (await answer.json()) as Delivery[]) this.#onEvent({ type: "delivery", data });
    } catch {
      // the next snapshot asks again
    }
  }

  /** A snapshot has the newest 500 that are open; the others are open too. */
  async #askOlderIncidents({ incidents }: Snapshot): Promise<void> {
    let last = incidents?.length === PAGE_LENGTH ? incidents.at(-1) : undefined;
    const open = "state=new&state=acknowledged&state=dispatched";
    try {
      while (last) {
        const url = stationUrl(`api/v1/incidents?${open}&limit=${PAGE_LENGTH}&before=${last.id}`);
        const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
        if (!answer.ok) return;
        const found = (await answer.json()) as Incident[];
        for (const data of found) this.#onEvent({ type: "incident", data });
        last = found.length === PAGE_LENGTH ? found.at(-1) : undefined;
      }
    } catch {
      // the next snapshot asks again
    }
  }

  #listen(): void {
    clearTimeout(this.#quietTimer);
    this.#quietTimer = setTimeout(() => void this.#knock(), QUIET_MS);
  }

  /** Nothing came for a while: with no drone that is normal, with a cut cable it is not. */
  async #knock(): Promise<void> {
    const socket = this.#socket;
    try {
      await fetch(stationUrl("healthz"), { signal: AbortSignal.timeout(ANSWER_MS), cache: "no-store" });
      if (socket === this.#socket && socket?.readyState === WebSocket.OPEN) {
        this.#say({ state: "live", heardAt: Date.now(), retryAt: null });
        this.#listen();
        return;
      }
    } catch {
      // no answer is the answer
    }
    if (socket === this.#socket) this.#drop();
  }

  #drop(): void {
    this.#forget();
    const delay = backOff(this.#failures++, Math.random());
    this.#retryTimer = setTimeout(() => this.#connect(), delay);
    this.#say({ state: "offline", retryAt: Date.now() + delay });
  }

  #forget(): void {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#quietTimer);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #say(change: Partial<LinkStatus>): void {
    this.#status = { ...this.#status, ...change };
    this.#onStatus(this.#status);
  }
}

/** Doubling with jitter; `random` in 0…1. */
export function backOff(failures: number, random: number): number {
  const full = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 10), LONGEST_RETRY_MS);
  return full * (0.5 + random / 2);
}

/** A text is a list of events; what is none of them is left out. */
export function parse(text: string): LiveEvent[] {
  try {
    const events: unknown = JSON.parse(text);
    return Array.isArray(events) ? events.filter(isEvent) : [];
  } catch {
    return [];
  }
}

function isEvent(event: unknown): event is LiveEvent {
  return typeof event === "object" && event !== null && "type" in event;
}
