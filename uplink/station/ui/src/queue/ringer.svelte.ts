// What is heard and what is muted, remembered by the browser; and the sound itself. Browsers keep a page silent until
// somebody has touched it: until then it says so.

import { recall, remember } from "../memory.ts";
import { CALLS, ring, SILENCE, type Call, type Caller } from "./calls.ts";
import { TONES } from "./tones.ts";

const KEY = "emberwatch.sound";
const LOUDEST = 0.5;
const FADE_S = 0.012; // without it each note begins with a click

interface Chosen {
  muted: Call[];
  volume: number;
  quietUntil: number;
}

class Ringer {
  muted = $state.raw<readonly Call[]>([]);
  /** 0…1. */
  volume = $state(0.8);
  /** Nothing is heard until then, ms since 1970. */
  quietUntil = $state(0);
  /** The browser does not let the page be heard. */
  blocked = $state(true);
  #context: AudioContext | null = null;
  #heard = SILENCE;

  constructor() {
    const chosen = parse(recall(KEY));
    this.muted = CALLS.filter((call) => chosen.muted?.includes(call));
    this.volume = Math.min(1, Math.max(0.05, Number(chosen.volume ?? 0.8) || 0.8));
    this.quietUntil = Number(chosen.quietUntil ?? 0) || 0;
  }

  /** The first touch of the page lets it be heard. */
  start(): () => void {
    const open = (): void => void this.open();
    const touches = ["pointerdown", "keydown"] as const;
    for (const touch of touches) addEventListener(touch, open);
    void this.open(); // some browsers know the page from before
    return () => {
      for (const touch of touches) removeEventListener(touch, open);
    };
  }

  async open(): Promise<void> {
    if (!this.blocked || typeof AudioContext === "undefined") return;
    this.#context ??= this.#made();
    try {
      await this.#context.resume();
    } catch {
      // the next touch tries again
    }
    this.blocked = this.#context.state !== "running";
  }

  isMuted(call: Call, now: number): boolean {
    return this.muted.includes(call) || now < this.quietUntil;
  }

  /** What calls now; who is new among them. */
  hear(calling: readonly Caller[], now: number): readonly Caller[] {
    const { call, news, heard } = ring(calling, this.#heard, (one) => this.isMuted(one, now), now);
    // What could not be heard is due still.
    this.#heard = this.blocked ? { known: heard.known, at: this.#heard.at } : heard;
    if (call) this.play(call);
    return news;
  }

  play(call: Call): void {
    const context = this.#context;
    if (!context || context.state !== "running") return;
    for (const { hz, atS, forS, wave } of TONES[call]) {
      if (hz === 0) continue;
      const begin = context.currentTime + 0.02 + atS;
      const tone = new OscillatorNode(context, { type: wave, frequency: hz });
      const loudness = new GainNode(context, { gain: 0 });
      const level = LOUDEST * this.volume ** 2 * (wave === "square" ? 0.6 : 1);
      loudness.gain.setValueAtTime(0, begin);
      loudness.gain.linearRampToValueAtTime(level, begin + FADE_S);
      loudness.gain.setValueAtTime(level, begin + forS - FADE_S);
      loudness.gain.linearRampToValueAtTime(0, begin + forS);
      tone.connect(loudness).connect(context.destination);
      tone.start(begin);
      tone.stop(begin + forS);
    }
  }

  mute(call: Call, muted: boolean): void {
    this.muted = CALLS.filter((one) => (one === call ? muted : this.muted.includes(one)));
    this.keep();
  }

  quieten(minutes: number): void {
    this.quietUntil = minutes > 0 ? Date.now() + minutes * 60_000 : 0;
    this.keep();
  }

  keep(): void {
    const chosen: Chosen = { muted: [...this.muted], volume: this.volume, quietUntil: this.quietUntil };
    remember(KEY, JSON.stringify(chosen));
  }

  #made(): AudioContext {
    const context = new AudioContext();
    context.onstatechange = () => (this.blocked = context.state !== "running");
    return context;
  }
}

function parse(text: string | null): Partial<Chosen> {
  try {
    const chosen: unknown = JSON.parse(text ?? "{}");
    return typeof chosen === "object" && chosen !== null ? chosen : {};
  } catch {
    return {};
  }
}

export const ringer = new Ringer();
