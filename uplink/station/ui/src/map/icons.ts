// Pictures for the map's symbols and patterns, painted here: the map asks nobody for any.

import type { Map as MapView } from "maplibre-gl";
import { INCIDENT_SYMBOL_PX, INCIDENT_SYMBOLS } from "./incident_icons.ts";
import type { Palette } from "./palette.ts";

const RATIO = 2; // pixels of the picture for one on the map

type Paint = (pen: CanvasRenderingContext2D, colours: Palette) => void;

function drone(shape: "heading" | "still" | "fixed", tone: (colours: Palette) => string, thick: boolean): Paint {
  const path = {
    heading: "M0-12.5 8.5 9 0 4.5-8.5 9Z",
    still: "M0-7 7 0 0 7-7 0Z",
    fixed: "M-7-5H3V5H-7ZM3-2 8-5V5L3 2Z",
  }[shape];
  return (pen, colours) => {
    circle(pen, 17, colours.halo, tone(colours), thick ? 3.5 : 2);
    pen.fillStyle = tone(colours);
    pen.fill(new Path2D(path));
    if (thick) {
      pen.strokeStyle = tone(colours); // who cannot tell the colours sees that it is struck out
      pen.lineWidth = 2.5;
      pen.stroke(new Path2D("M-12-12 12 12"));
    }
  };
}

function circle(pen: CanvasRenderingContext2D, radius: number, fill: string, edge: string, width: number): void {
  pen.beginPath();
  pen.arc(0, 0, radius, 0, 2 * Math.PI);
  pen.globalAlpha = 0.85;
  pen.fillStyle = fill;
  pen.fill();
  pen.globalAlpha = 1;
  pen.strokeStyle = edge;
  pen.lineWidth = width;
  pen.stroke();
}

function letter(text: string): Paint {
  return (pen, colours) => {
    circle(pen, 11, colours.halo, colours.text, 2);
    pen.fillStyle = colours.text;
    pen.font = "700 14px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(text, 0, 1);
  };
}

function outlined(path: string): Paint {
  return (pen, colours) => {
    const shape = new Path2D(path);
    pen.lineJoin = "round";
    pen.strokeStyle = colours.halo;
    pen.lineWidth = 4;
    pen.stroke(shape);
    pen.fillStyle = colours.bad;
    pen.fill(shape);
  };
}

const TONES = {
  sound: (colours: Palette) => colours.air,
  blind: (colours: Palette) => colours.bad,
  stale: (colours: Palette) => colours.gone,
};

const SYMBOLS: Record<string, Paint> = {
  home: letter("H"),
  rally: letter("R"),
  traffic: outlined("M0-14 2.5-8 2.5-3 14 4 14 7 2.5 4 2 10 6 13 6 15 0 13.5-6 15-6 13-2 10-2.5 4-14 7-14 4-2.5-3-2.5-8Z"),
  "traffic-still": outlined("M0-10 10 0 0 10-10 0Z"),
  closest: (pen, colours) => {
    pen.strokeStyle = colours.bad;
    pen.lineWidth = 2.5;
    pen.stroke(new Path2D("M-6-6 6 6M6-6-6 6"));
  },
};
for (const shape of ["heading", "still", "fixed"] as const) {
  for (const [look, tone] of Object.entries(TONES)) SYMBOLS[`${shape}-${look}`] = drone(shape, tone, look === "blind");
}

const PATTERNS: Record<string, Paint> = {
  hatch: (pen, colours) => {
    pen.strokeStyle = colours.bad;
    pen.globalAlpha = 0.55;
    pen.lineWidth = 1.6;
    pen.stroke(new Path2D("M-2 14 14-2M-2 2 2-2M10 14 14 10"));
  },
  dots: (pen, colours) => {
    pen.fillStyle = colours.dim;
    pen.globalAlpha = 0.5;
    for (const [x, y] of [[3, 3], [9, 9]] as const) {
      pen.beginPath();
      pen.arc(x, y, 1.2, 0, 2 * Math.PI);
      pen.fill();
    }
  },
};
const SYMBOL_PX = 40;
const PATTERN_PX = 12;

/** All of them in these colours, in place of those that there are. */
export function putIcons(map: MapView, colours: Palette): void {
  for (const [name, paint] of Object.entries(SYMBOLS)) put(map, name, painted(paint, colours, SYMBOL_PX, true));
  for (const [name, paint] of Object.entries(INCIDENT_SYMBOLS)) put(map, name, painted(paint, colours, INCIDENT_SYMBOL_PX, true));
  for (const [name, paint] of Object.entries(PATTERNS)) put(map, name, painted(paint, colours, PATTERN_PX, false));
}

function put(map: MapView, name: string, picture: ImageData): void {
  if (map.hasImage(name)) map.updateImage(name, picture);
  else map.addImage(name, picture, { pixelRatio: RATIO });
}

function painted(paint: Paint, colours: Palette, size: number, centred: boolean): ImageData {
  const canvas = new OffscreenCanvas(size * RATIO, size * RATIO);
  const pen = canvas.getContext("2d") as unknown as CanvasRenderingContext2D;
  pen.scale(RATIO, RATIO);
  if (centred) pen.translate(size / 2, size / 2);
  paint(pen, colours);
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}
