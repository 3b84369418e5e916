// The signs of incidents: what burns by its shape, how far people are by what stands beside it, so that nobody
// needs colours to tell them apart.

import type { Label } from "../messages.ts";
import { iconName, MARKS, type Mark } from "./incident_features.ts";
import type { Palette } from "./palette.ts";

type Paint = (pen: CanvasRenderingContext2D, colours: Palette) => void;

const SHAPES: Record<Label, string> = {
  fire: "M12.6 2.2c.7 4.2 5.9 5.9 5.9 11.4a6.5 6.5 0 0 1-13 0c0-2.7 1.4-4.6 3-6 .1 1.7.7 2.8 1.8 3.4-.3-3.3.3-6.3 2.3-8.8Z",
  smoke: "M7 19.5h9.8a4.2 4.2 0 0 0 .6-8.4 5.6 5.6 0 0 0-10.6-1.7A5.1 5.1 0 0 0 7 19.5Z",
};
const CALLS = "M0-4v4.5M0 4v.01";
const BADGES: Partial<Record<Mark, string>> = {
  late: CALLS,
  new: CALLS,
  acknowledged: "m-4 0 3 3 5-6",
  dispatched: "M-4 0h8M1-3.5 4.5 0 1 3.5",
  closed: "M-3.5-3.5l7 7M3.5-3.5l-7 7",
};

/** By the name that the layers call them by; each is painted around the middle. */
export const INCIDENT_SYMBOLS: Readonly<Record<string, Paint>> = Object.fromEntries(
  (["fire", "smoke"] as const).flatMap((label) => MARKS.map((mark) => [iconName(label, mark), sign(label, mark)])),
);
export const INCIDENT_SYMBOL_PX = 46;

function sign(label: Label, mark: Mark): Paint {
  return (pen, colours) => {
    const tone = mark === "lost" || mark === "closed" ? colours.gone : colours[label];
    const full = mark === "new" || mark === "late";
    if (mark === "late") ring(pen, 20, colours.bad, 3);
    circle(pen, 15.5, full ? tone : colours.halo);
    if (mark === "lost") pen.setLineDash([4, 3]);
    ring(pen, 15.5, tone, 2.5);
    pen.setLineDash([]);
    pen.save();
    pen.translate(-10, -10.5);
    pen.scale(20 / 24, 20 / 24);
    pen.fillStyle = full ? colours.halo : tone;
    pen.fill(new Path2D(SHAPES[label]));
    pen.restore();
    const badge = BADGES[mark];
    if (badge) paintBadge(pen, badge, mark === "late" ? colours.bad : tone, colours.halo);
  };
}

function paintBadge(pen: CanvasRenderingContext2D, badge: string, tone: string, ground: string): void {
  pen.save();
  pen.translate(13, -13);
  circle(pen, 8, ground);
  ring(pen, 8, tone, 1.8);
  pen.strokeStyle = tone;
  pen.lineWidth = 2.2;
  pen.lineCap = pen.lineJoin = "round";
  pen.stroke(new Path2D(badge));
  pen.restore();
}

function circle(pen: CanvasRenderingContext2D, radius: number, fill: string): void {
  pen.beginPath();
  pen.arc(0, 0, radius, 0, 2 * Math.PI);
  pen.fillStyle = fill;
  pen.fill();
}

function ring(pen: CanvasRenderingContext2D, radius: number, stroke: string, width: number): void {
  pen.beginPath();
  pen.arc(0, 0, radius, 0, 2 * Math.PI);
  pen.strokeStyle = stroke;
  pen.lineWidth = width;
  pen.stroke();
}
