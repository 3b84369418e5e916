// What a crew link shows (uplink/station/crew_answers.py), and the words for it. Pure. A test compares.

import { ago, coordinates, percent } from "../format.ts";
import type { Key, Translate } from "../i18n.ts";
import type { Measures } from "../measures.ts";
import type { ErrorEllipse, Label, Position } from "../messages.ts";
import type { Certainty, IncidentPhoto, IncidentState } from "../station.ts";

export interface CrewView {
  label: Label;
  state: IncidentState;
  certainty: Certainty;
  probability: number;
  first_seen_at: string;
  last_seen_at: string;
  position: Position | null;
  gcj02: Position | null;
  ellipse: ErrorEllipse | null;
  method: "dem" | "flat" | "crossing" | null;
  area_m2: number | null;
  growth_m2_per_min: number | null;
  photos: IncidentPhoto[];
  now: string;
  expires_at: string;
}

export interface CrewWords {
  readonly title: string;
  readonly state: string;
  readonly ages: string;
  readonly size: string;
  readonly place: string | null;
  readonly error: string;
  readonly shifted: string | null;
}

/** `now` is the station's time, ms since 1970. */
export function wordsOf(view: CrewView, now: number, t: Translate, measures: Measures): CrewWords {
  const { position, ellipse, method, gcj02 } = view;
  return {
    title: `${t(view.label)} · ${t("crewSure", { probability: percent(view.probability) })}`,
    state: t(`crew.${view.state}` as Key),
    ages: [
      t("crewSeen", { age: ago(view.last_seen_at, now, t) }),
      t("crewFirst", { age: ago(view.first_seen_at, now, t) }),
    ].join(" · "),
    size: [
      view.area_m2 === null ? "" : t("crewArea", { area: measures.area(view.area_m2, null) }),
      (view.growth_m2_per_min ?? 0) > 0
        ? t("crewGrows", { area: measures.area(view.growth_m2_per_min ?? 0, null) })
        : "",
    ].filter(Boolean).join(" · "),
    place: position ? `${coordinates(position)} ${position.datum.replace("WGS84", "WGS 84")}` : null,
    error: [
      ellipse
        ? t("crewError", { error: measures.plusMinus(ellipse), confidence: percent(ellipse.confidence) })
        : "",
      method ? t(`crew.${method}`) : "",
    ].filter(Boolean).join(", "),
    shifted: gcj02 ? `${coordinates(gcj02)} GCJ-02` : null,
  };
}

/** Of a place in a picture, in shares of it, as CSS. */
export function boxOf(photo: IncidentPhoto): { left: string; top: string; width: string; height: string } | null {
  if (!photo.box_px) return null;
  const [x1, y1, x2, y2] = photo.box_px;
  const share = (px: number, whole: number): string => `${(100 * px) / whole}%`;
  return {
    left: share(x1, photo.width_px),
    top: share(y1, photo.height_px),
    width: share(x2 - x1, photo.width_px),
    height: share(y2 - y1, photo.height_px),
  };
}
