// Keys that do something wherever the focus is: which one is meant by a press. Pure; keys.svelte.ts listens.

import type { Key } from "../i18n.ts";

export interface Binding {
  /** As `event.key` has it, letters small: "a", "?", "ArrowUp"; with Shift held "Shift+A". */
  readonly key: string;
  readonly does: Key;
  /** Under which heading the sheet has it. */
  readonly area: Key;
  /** Whether it does anything now; always where it is not said. */
  readonly when?: () => boolean;
  readonly run: () => void;
}

/** Of a keyboard event, what matters here. */
export interface Press {
  readonly key: string;
  readonly code: string;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly altKey: boolean;
  readonly metaKey: boolean;
  readonly isComposing: boolean;
}

/** The newest that does something now: what a view adds goes before what the page always has. */
export function meant(bindings: readonly Binding[], press: Press): Binding | null {
  const name = nameOf(press);
  if (name === null) return null;
  return [...bindings].reverse().find((binding) => binding.key === name && (binding.when?.() ?? true)) ?? null;
}

/** Null for what is the browser's, or the input method's. */
export function nameOf(press: Press): string | null {
  if (press.ctrlKey || press.altKey || press.metaKey || press.isComposing) return null;
  const latin = /^Key([A-Z])$/.exec(press.code)?.[1];
  // Where the letters are not Latin, the key's place on the keyboard counts.
  const letter = /^[a-z]$/i.test(press.key) ? press.key : press.key.length === 1 && press.key > "~" ? latin : undefined;
  if (letter) return press.shiftKey ? `Shift+${letter.toUpperCase()}` : letter.toLowerCase();
  return press.key;
}

/** For the sheet: what can be pressed, by heading, in the order in which it was added. */
export function byArea(bindings: readonly Binding[]): Map<Key, Binding[]> {
  const areas = new Map<Key, Binding[]>();
  for (const binding of bindings) areas.set(binding.area, [...(areas.get(binding.area) ?? []), binding]);
  return areas;
}

/** As it is written on a keyboard. */
export function caption(key: string): string {
  const arrows: Record<string, string> = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→" };
  const [last = "", ...first] = key.split("+").reverse();
  return [...first.reverse(), arrows[last] ?? (last.length === 1 ? last.toUpperCase() : last)].join(" + ");
}
