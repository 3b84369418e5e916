// The words of the live view (uplink/live_view/words.py), and a picture as it travels (uplink/live_view/frame.py).
// Parts of a picture are shares of its width and height. A test compares the words. Pure.

import type { ErrorEllipse, Label, Method, Position } from "../messages.ts";

export interface ViewBox {
  label: Label;
  score: number;
  box: [left: number, top: number, right: number, bottom: number];
  position: Position | null;
  plus_minus_m: number | null;
  alert_id: string | null;
}

export interface ViewMark {
  mark: number;
  x: number;
  y: number;
}

export interface ViewLine {
  frames_per_s: number;
  quality: number;
  kbit_s: number;
  rtt_ms: number | null;
  least_rtt_ms: number | null;
}

export interface ViewFrame {
  frame: number;
  captured_at: string;
  time_source: "gnss" | "companion";
  sent_ms: number;
  age_ms: number;
  width_px: number;
  height_px: number;
  boxes: ViewBox[];
  marks: ViewMark[];
  boxes_age_ms: number | null;
  no_pose: string;
  azimuth_deg: number | null;
  elevation_deg: number | null;
  blind_reason: string;
  blind_since: string | null;
  line: ViewLine;
}

export interface ViewPick {
  id: number;
  frame: number;
  x: number;
  y: number;
  sigma: number;
}

export interface PickedPlace {
  id: number;
  frame: number;
  captured_at: string | null;
  position: Position | null;
  ellipse: ErrorEllipse | null;
  method: Method | null;
  why: string;
  mark: number | null;
  slant_range_m: number | null;
  observer: Position | null;
  bearing_deg: number | null;
  bearing_sigma_deg: number | null;
}

export interface ViewAsked {
  ack: number | null;
  age_ms: number | null;
  pick: ViewPick | null;
}

export interface ViewState {
  state: "sending" | "asked" | "no link" | "refused";
  reason: string;
  viewers: number;
  dropped: number;
}

export interface ViewSaid {
  picked: PickedPlace | null;
  refused: string | null;
  state: ViewState | null;
}

// What is as usual is left out on the way.
const USUAL_POSITION = { alt_amsl_m: null, datum: "WGS84" };
const USUAL_ELLIPSE = { confidence: 0.9 };
const USUAL_BOX = { position: null, plus_minus_m: null, alert_id: null };
const USUAL_FRAME = {
  boxes: [],
  marks: [],
  boxes_age_ms: null,
  no_pose: "",
  azimuth_deg: null,
  elevation_deg: null,
  blind_reason: "",
  blind_since: null,
};
const USUAL_PLACE = {
  captured_at: null,
  position: null,
  ellipse: null,
  method: null,
  why: "",
  mark: null,
  slant_range_m: null,
  observer: null,
  bearing_deg: null,
  bearing_sigma_deg: null,
};
const USUAL_STATE = { reason: "", viewers: 0, dropped: 0 };

/** A picture and what goes with it; null for anything that is none. */
export function unpackFrame(data: ArrayBuffer): { frame: ViewFrame; jpeg: Blob } | null {
  try {
    const length = new DataView(data).getUint16(0);
    const header = new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(data, 2, length));
    const said = { ...USUAL_FRAME, ...(JSON.parse(header) as ViewFrame) };
    const { least_rtt_ms = null, rtt_ms = null, ...line } = said.line;
    const boxes = said.boxes.map((box) => ({ ...USUAL_BOX, ...box, position: positionOf(box.position) }));
    const frame: ViewFrame = { ...said, boxes, line: { ...line, rtt_ms, least_rtt_ms } };
    if (!Number.isFinite(frame.frame) || !Number.isFinite(frame.sent_ms)) return null;
    return { frame, jpeg: new Blob([new Uint8Array(data, 2 + length)], { type: "image/jpeg" }) };
  } catch {
    return null;
  }
}

/** What a text of the station says; nothing for one that is not understood. */
export function readSaid(text: string): ViewSaid {
  const nothing: ViewSaid = { picked: null, refused: null, state: null };
  try {
    const said = { ...nothing, ...(JSON.parse(text) as Partial<ViewSaid>) };
    const { picked, state } = said;
    return {
      ...said,
      state: state && { ...USUAL_STATE, ...state },
      picked: picked && {
        ...USUAL_PLACE,
        ...picked,
        position: positionOf(picked.position),
        observer: positionOf(picked.observer),
        ellipse: picked.ellipse ? { ...USUAL_ELLIPSE, ...picked.ellipse } : null,
      },
    };
  } catch {
    return nothing;
  }
}

function positionOf(position: Position | null | undefined): Position | null {
  return position ? ({ ...USUAL_POSITION, ...position } as Position) : null;
}
