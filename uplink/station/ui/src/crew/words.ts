// The words of this page alone: a phone with a bad line need not load the others.

import { firstLanguage, HTML_LANG, type Language } from "../languages.ts";
import { common as commonEn } from "../words/en/common.ts";
import { crew as crewEn } from "../words/en/crew.ts";
import { common as commonZh } from "../words/zh/common.ts";
import { crew as crewZh } from "../words/zh/crew.ts";
import type { Translate } from "../i18n.ts";

const en = { ...commonEn, ...crewEn };
const WORDS: Record<Language, Record<keyof typeof en, string>> = { en, zh: { ...commonZh, ...crewZh } };

const language = firstLanguage(null, navigator.languages);
document.documentElement.lang = HTML_LANG[language];

export const t: Translate = (key, values = {}) =>
  (WORDS[language][key as keyof typeof en] ?? key).replace(/\{(\w+)\}/g, (hole, name: string) =>
    String(values[name] ?? hole),
  );
