// In which language the page speaks, and how its words are filled in.

import { en } from "./words/en/all.ts";
import { zh } from "./words/zh/all.ts";

export type Key = keyof typeof en;
export type Translate = (key: Key, values?: Record<string, string | number>) => string;

export const LANGUAGES = { en: "English", zh: "简体中文" } as const;
export type Language = keyof typeof LANGUAGES;
export const HTML_LANG: Record<Language, string> = { en: "en", zh: "zh-Hans" };

const words: Record<Language, Record<Key, string>> = { en, zh };

export function translator(language: Language): Translate {
  return (key, values = {}) =>
    words[language][key].replace(/\{(\w+)\}/g, (hole, name: string) => String(values[name] ?? hole));
}

/** What the user chose last, or else what the browser speaks. */
export function firstLanguage(chosen: string | null, browser: readonly string[]): Language {
  if (chosen === "en" || chosen === "zh") return chosen;
  const known = browser.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag === "en" || tag === "zh");
  return known === "zh" ? "zh" : "en";
}
