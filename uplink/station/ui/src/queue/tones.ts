// How each call sounds: notes that are made, not files. Pure. A fire falls and rises, smoke is two soft notes, what is
// overdue hurries, and a drone that cannot see goes down: they are told apart without looking, and by rhythm alone.

import type { Call } from "./calls.ts";

export interface Note {
  readonly hz: number;
  readonly atS: number;
  readonly forS: number;
  readonly wave: "sine" | "square" | "triangle";
}

function notes(wave: Note["wave"], forS: number, gapS: number, ...hz: readonly number[]): readonly Note[] {
  return hz.map((one, i) => ({ hz: one, atS: i * (forS + gapS), forS, wave }));
}

export const TONES: Readonly<Record<Call, readonly Note[]>> = {
  fire: notes("square", 0.22, 0.04, 988, 740, 988, 740, 988, 740),
  late: notes("square", 0.09, 0.06, 1175, 1175, 1175, 0, 1175, 1175, 1175),
  smoke: notes("triangle", 0.35, 0.12, 587, 784),
  blind: notes("sine", 0.4, 0.05, 523, 392, 294),
};
