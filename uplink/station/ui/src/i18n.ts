// In which language the page speaks, and how its words are filled in.

import type { Language } from "./languages.ts";
import { en } from "./words/en/all.ts";
import { zh } from "./words/zh/all.ts";

export type Key = keyof typeof en;
export type Translate = (key: Key, values?: Record<string, string | number>) => string;

const words: Record<Language, Record<Key, string>> = { en, zh };

export function translator(language: Language): Translate {
  return (key, values = {}) =>
    (words[language][key] ?? lastOf(key)).replace(/\{(\w+)\}/g, (hole, name: string) => String(values[name] ?? hole));
}

/** A state or kind that only a newer station knows is named as the station names it. */
function lastOf(key: string): string {
  return key.slice(key.lastIndexOf(".") + 1);
}
