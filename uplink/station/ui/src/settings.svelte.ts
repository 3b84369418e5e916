// What a user chose for this browser: language, look, units, keys. Remembered; a view adds its own by a field.

import { firstLanguage, HTML_LANG, type Language } from "./languages.ts";
import type { Units } from "./measures.ts";
import { recall, remember } from "./memory.ts";

export const THEMES = ["auto", "dark", "light", "sun"] as const;
/** `auto`: as the computer has it. `sun`: for a screen in full sunlight. */
export type Theme = (typeof THEMES)[number];
export type Look = Exclude<Theme, "auto">;

interface Chosen {
  language: Language;
  theme: Theme;
  units: Units;
  shortcuts: boolean;
}

const KEY = "emberwatch.settings";
const PREFERS_LIGHT = "(prefers-color-scheme: light)";

class Settings {
  language = $state<Language>("en");
  theme = $state<Theme>("auto");
  units = $state<Units>("metric");
  /** Whether single keys do something. */
  shortcuts = $state(true);
  #prefersLight = $state(false);
  /** What the page looks like now. */
  readonly look = $derived<Look>(this.theme !== "auto" ? this.theme : this.#prefersLight ? "light" : "dark");

  constructor() {
    const chosen = parse(recall(KEY));
    this.language = firstLanguage(chosen.language ?? null, navigator.languages);
    this.theme = THEMES.find((theme) => theme === chosen.theme) ?? "auto";
    this.units = chosen.units === "imperial" ? "imperial" : "metric";
    this.shortcuts = chosen.shortcuts !== false;
  }

  /** Keeps the document as chosen, and remembers it. */
  start(): () => void {
    const query = matchMedia(PREFERS_LIGHT);
    const follow = (): void => {
      this.#prefersLight = query.matches;
    };
    follow();
    query.addEventListener("change", follow);
    const stop = $effect.root(() => {
      $effect(() => {
        document.documentElement.lang = HTML_LANG[this.language];
        document.documentElement.dataset["look"] = this.look;
        // The browser's own bars go with it.
        const ground = getComputedStyle(document.documentElement).getPropertyValue("--panel");
        document.querySelector("meta[name='theme-color']")?.setAttribute("content", ground);
      });
      $effect(() => {
        const { language, theme, units, shortcuts } = this;
        const chosen: Chosen = { language, theme, units, shortcuts };
        remember(KEY, JSON.stringify(chosen));
      });
    });
    return () => {
      stop();
      query.removeEventListener("change", follow);
    };
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

export const settings = new Settings();
