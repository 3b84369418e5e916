// How old a picture is, without trusting that the drone's clock and this computer's agree. Pure: told the time.
// What a picture took longer on its way than the quickest lately is known exactly; the quickest way itself is
// taken as half of the least time there and back.

const WINDOW_MS = 30_000;
/** What the numbers of two runs of one agent differ by, at least (edge/telling/live_view.py). */
const RUNS_APART = 2 ** 20;

export interface Sent {
  frame: number;
  sent_ms: number;
  age_ms: number;
  line: { least_rtt_ms: number | null };
}

export class AgeMeter {
  #run = -1;
  #least = Infinity;
  #before = Infinity;
  #sinceMs = 0;

  /** The age of a picture that arrives at `nowMs`, which counts from anywhere. */
  of(sent: Sent, nowMs: number): number {
    const run = Math.floor(sent.frame / RUNS_APART);
    if (run !== this.#run) {
      this.#run = run;
      this.#least = this.#before = Infinity;
      this.#sinceMs = nowMs;
    }
    if (nowMs - this.#sinceMs > WINDOW_MS) {
      this.#before = this.#least;
      this.#least = Infinity;
      this.#sinceMs = nowMs;
    }
    const apart = nowMs - sent.sent_ms;
    this.#least = Math.min(this.#least, apart);
    const longer = apart - Math.min(this.#least, this.#before);
    return sent.age_ms + longer + (sent.line.least_rtt_ms ?? 0) / 2;
  }
}

/** Pictures a second over the last few. */
export class RateMeter {
  static readonly WINDOW_MS = 3000;
  #times: number[] = [];

  count(nowMs: number): void {
    this.#times.push(nowMs);
  }

  perS(nowMs: number): number {
    this.#times = this.#times.filter((time) => nowMs - time <= RateMeter.WINDOW_MS);
    return this.#times.length / (RateMeter.WINDOW_MS / 1000);
  }
}

const STALE_MS = 3000;

/** Whether a picture of this age is no picture of now any more. */
export function isStale(ageMs: number): boolean {
  return ageMs > STALE_MS;
}
