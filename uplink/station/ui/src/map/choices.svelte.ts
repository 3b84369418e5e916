// What people chose to see on the map of this browser, and how. Remembered.

import { recall, remember } from "../memory.ts";
import { NOTATIONS, type Notation } from "./coordinates.ts";
import type { GroupName } from "./style.ts";

const KEY = "emberwatch.map";
export type BaseName = "outline" | "borders" | "hills" | "tint";
export type ShownName = GroupName | BaseName | `file:${string}`;
/** What is off until somebody wants it. */
const OFF_AT_FIRST: readonly ShownName[] = ["tint"];

class MapChoices {
  hidden = $state.raw<ReadonlySet<string>>(new Set(OFF_AT_FIRST));
  /** Of the base maps, 0 to 1. */
  opacity = $state(1);
  notation = $state<Notation>("wgs84");

  constructor() {
    const chosen = parse(recall(KEY));
    if (Array.isArray(chosen["hidden"])) this.hidden = new Set(chosen["hidden"].map(String));
    const opacity = chosen["opacity"];
    if (typeof opacity === "number" && opacity >= 0 && opacity <= 1) this.opacity = opacity;
    this.notation = NOTATIONS.find((one) => one === chosen["notation"]) ?? "wgs84";
  }

  shows(name: ShownName): boolean {
    return !this.hidden.has(name);
  }

  toggle(name: ShownName): void {
    const hidden = new Set(this.hidden);
    if (!hidden.delete(name)) hidden.add(name);
    this.hidden = hidden;
    this.#keep();
  }

  fade(opacity: number): void {
    this.opacity = opacity;
    this.#keep();
  }

  write(notation: Notation): void {
    this.notation = notation;
    this.#keep();
  }

  #keep(): void {
    const { hidden, opacity, notation } = this;
    remember(KEY, JSON.stringify({ hidden: [...hidden], opacity, notation }));
  }
}

function parse(text: string | null): Record<string, unknown> {
  try {
    const chosen: unknown = JSON.parse(text ?? "{}");
    return typeof chosen === "object" && chosen !== null ? (chosen as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

export const choices = new MapChoices();
