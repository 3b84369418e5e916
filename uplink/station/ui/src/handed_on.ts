// Where the files are that are handed on about an incident, in the user's language and time zone.

import type { Language } from "./languages.ts";
import { stationUrl } from "./station.ts";

function address(id: string, name: string, language: Language): string {
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  return stationUrl(`api/v1/incidents/${id}/${name}?${new URLSearchParams({ lang: language, zone })}`).href;
}

/** One page to be printed. */
export function reportUrl(id: string, language: Language): string {
  return address(id, "report", language);
}

/** A zip of all that is known of it. */
export function packageUrl(id: string, language: Language): string {
  return address(id, "package", language);
}
