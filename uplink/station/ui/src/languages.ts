// The languages of the page, and which one a browser is spoken to in. Pure.

export const LANGUAGES = { en: "English", zh: "简体中文" } as const;
export type Language = keyof typeof LANGUAGES;
export const HTML_LANG: Record<Language, string> = { en: "en", zh: "zh-Hans" };

/** What the user chose last, or else what the browser speaks. */
export function firstLanguage(chosen: string | null, browser: readonly string[]): Language {
  if (chosen === "en" || chosen === "zh") return chosen;
  const known = browser.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag === "en" || tag === "zh");
  return known === "zh" ? "zh" : "en";
}
