// Watching one drone: the line to the station, the newest picture, its age, and places asked for. A line that
// broke is opened anew for as long as somebody looks; while nobody does, nothing is sent.

import { backOff } from "../live.ts";
import { stationUrl } from "../station.ts";
import { AgeMeter, RateMeter } from "./ages.ts";
import type { Point } from "./crosshair.ts";
import { readSaid, unpackFrame, type PickedPlace, type ViewFrame, type ViewState } from "./wire.ts";

const TICK_MS = 250;
const SILENT_MS = 10_000; // the station says how it stands every few seconds
const NO_ANSWER_MS = 10_000;
const NO_SUCH_DRONE = 4404;

/** A picture as it is drawn. Instants by `performance.now()`. */
export interface Shown {
  readonly frame: ViewFrame;
  readonly image: ImageBitmap;
  readonly size_bytes: number;
  readonly ageMs: number;
  readonly arrivedMs: number;
}

/** A place asked for, and the answer once it is here. */
export interface Asked {
  readonly at: Point;
  readonly frame: number;
  readonly askedMs: number;
  readonly place: PickedPlace | null;
  readonly tookMs: number | null;
  readonly failed: boolean;
}

export type Line = "connecting" | "open" | "lost" | "unknown";

export class ViewWatch {
  shown = $state.raw<Shown | null>(null);
  state = $state.raw<ViewState | null>(null);
  line = $state<Line>("connecting");
  asked = $state.raw<Asked | null>(null);
  perS = $state(0);
  now = $state(performance.now());
  readonly droneId: string;
  readonly ageMs = $derived(this.shown === null ? null : this.shown.ageMs + Math.max(0, this.now - this.shown.arrivedMs));

  #socket: WebSocket | null = null;
  #failures = 0;
  #retry = 0;
  #heardMs = 0;
  #ages = new AgeMeter();
  #rate = new RateMeter();
  #waiting: { frame: ViewFrame; jpeg: Blob; ageMs: number; arrivedMs: number } | null = null;
  #decoding = false;
  #pickNumber = 0;
  #onPicked: (asked: Asked) => void;

  constructor(droneId: string, onPicked: (asked: Asked) => void) {
    this.droneId = droneId;
    this.#onPicked = onPicked;
  }

  start(): () => void {
    const look = (): void => {
      if (document.hidden) this.#leave();
      else if (this.#socket === null) this.#connect();
    };
    document.addEventListener("visibilitychange", look);
    const clock = setInterval(() => this.#tick(), TICK_MS);
    look();
    return () => {
      document.removeEventListener("visibilitychange", look);
      clearInterval(clock);
      this.#leave();
      this.shown?.image.close();
      this.shown = null;
    };
  }

  /** A picture has been drawn: the next may come. */
  drawn(shown: Shown): void {
    this.#rate.count(performance.now());
    const ageMs = shown.ageMs + performance.now() - shown.arrivedMs;
    this.#say({ ack: shown.frame.frame, age_ms: Math.round(ageMs) });
  }

  /** Where on the ground is this point of the picture? */
  pick(at: Point, sigma: number): void {
    if (this.shown === null) return;
    this.#pickNumber += 1;
    const { frame } = this.shown.frame;
    this.asked = { at, frame, askedMs: performance.now(), place: null, tookMs: null, failed: false };
    const sent = this.#say({ pick: { id: this.#pickNumber, frame, x: at.x, y: at.y, sigma } });
    if (!sent) this.asked = { ...this.asked, failed: true };
  }

  forget(): void {
    this.asked = null;
  }

  #connect(): void {
    clearTimeout(this.#retry);
    this.line = "connecting";
    const url = stationUrl(`api/v1/drones/${encodeURIComponent(this.droneId)}/view`);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heardMs = performance.now();
    socket.onmessage = ({ data }) => {
      if (this.#socket === socket) this.#hear(data as string | ArrayBuffer);
    };
    socket.onclose = ({ code }) => {
      if (this.#socket === socket) this.#lost(code);
    };
  }

  #lost(code: number): void {
    this.#socket = null;
    this.state = null;
    this.line = code === NO_SUCH_DRONE ? "unknown" : "lost";
    if (this.asked?.place === null) this.asked = { ...this.asked, failed: true };
    this.#retry = window.setTimeout(() => this.#connect(), backOff(this.#failures, Math.random()));
    this.#failures += 1;
  }

  #leave(): void {
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#waiting = null;
    this.state = null;
    this.line = "connecting";
  }

  #hear(data: string | ArrayBuffer): void {
    this.line = "open";
    this.#heardMs = performance.now();
    this.#failures = 0;
    if (typeof data === "string") {
      const { state, picked } = readSaid(data);
      if (state) this.state = state;
      if (picked) this.#answered(picked);
      return;
    }
    const arrivedMs = performance.now();
    const got = unpackFrame(data);
    if (got === null) return;
    this.#waiting = { ...got, ageMs: this.#ages.of(got.frame, arrivedMs), arrivedMs };
    void this.#decode();
  }

  /** One after the other, the newest first. */
  async #decode(): Promise<void> {
    if (this.#decoding) return;
    this.#decoding = true;
    try {
      while (this.#waiting !== null) {
        const { frame, jpeg, ageMs, arrivedMs } = this.#waiting;
        this.#waiting = null;
        const image = await createImageBitmap(jpeg).catch(() => null);
        if (image === null) {
          this.#say({ ack: frame.frame }); // it cannot be shown, and the next one may
          continue;
        }
        const before = this.shown;
        this.shown = { frame, image, size_bytes: jpeg.size, ageMs, arrivedMs };
        before?.image.close();
      }
    } finally {
      this.#decoding = false;
    }
  }

  #answered(place: PickedPlace): void {
    const asked = this.asked;
    if (asked === null || place.id !== this.#pickNumber) return; // of one that was given up
    this.asked = { ...asked, place, tookMs: performance.now() - asked.askedMs };
    this.#onPicked(this.asked);
  }

  #say(words: object): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(words));
    return true;
  }

  #tick(): void {
    this.now = performance.now();
    this.perS = this.#rate.perS(this.now);
    const { asked } = this;
    if (asked?.place === null && !asked.failed && this.now - asked.askedMs > NO_ANSWER_MS) {
      this.asked = { ...asked, failed: true };
    }
    if (this.#socket !== null && this.now - this.#heardMs > SILENT_MS) {
      const socket = this.#socket;
      this.#lost(0);
      socket.close();
    }
  }
}
