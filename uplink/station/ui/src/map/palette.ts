// The colours of the map in each look. Those that theme.css has too are the same here; a test compares.

import type { Look } from "../settings.svelte.ts";

export interface Palette {
  text: string;
  dim: string;
  gone: string;
  fire: string;
  smoke: string;
  air: string;
  patrol: string;
  tip: string;
  ok: string;
  warn: string;
  bad: string;
  /** Around words and lines, so that they stand out from any ground. */
  halo: string;
  sea: string;
  land: string;
  water: string;
  border: string;
  minor: string;
  major: string;
  wood: string;
  grass: string;
  built: string;
  building: string;
  buildingEdge: string;
  motorway: string;
  mainRoad: string;
  smallRoad: string;
  roadEdge: string;
  path: string;
  rail: string;
  shadow: string;
  highlight: string;
  /** How strong hills are shaded, 0 to 1. */
  hills: number;
  /** Of the ground's heights, from the lowest to the highest. */
  heights: readonly string[];
}

export const PALETTES: Record<Look, Palette> = {
  dark: {
    text: "#eef3f8",
    dim: "#a5b5c5",
    gone: "#8f9fae",
    fire: "#ff8a3d",
    smoke: "#c9d5e3",
    air: "#5fd0ff",
    patrol: "#7fa8ff",
    tip: "#d99bff",
    ok: "#5ddc97",
    warn: "#ffcb57",
    bad: "#ff7b7b",
    halo: "#0b1016",
    sea: "#0a1a28",
    land: "#10181f",
    water: "#11304a",
    border: "#5a6d80",
    minor: "#1a2631",
    major: "#2b3d4e",
    wood: "#12271b",
    grass: "#16251b",
    built: "#1a222a",
    building: "#33404d",
    buildingEdge: "#5b6d7f",
    motorway: "#b08a4a",
    mainRoad: "#8a7b5f",
    smallRoad: "#566270",
    roadEdge: "#0b1016",
    path: "#6a7b62",
    rail: "#6d6480",
    shadow: "#000000",
    highlight: "#5c7690",
    hills: 0.6,
    heights: ["#12301f", "#2b4a2a", "#5a5a30", "#6b4a30", "#8f8578", "#c9d2da"],
  },
  light: {
    text: "#0d1620",
    dim: "#475767",
    gone: "#586776",
    fire: "#a94600",
    smoke: "#475667",
    air: "#00648a",
    patrol: "#2b4fc2",
    tip: "#7a2fb5",
    ok: "#0a683c",
    warn: "#7a5200",
    bad: "#b3151c",
    halo: "#ffffff",
    sea: "#c9dbe8",
    land: "#f1f0ea",
    water: "#a9c9e2",
    border: "#8a8f9a",
    minor: "#e0e1de",
    major: "#c6cbcf",
    wood: "#cfe0c6",
    grass: "#e0ead4",
    built: "#e8e5df",
    building: "#d3cbc0",
    buildingEdge: "#9c9286",
    motorway: "#d9962f",
    mainRoad: "#e8c069",
    smallRoad: "#ffffff",
    roadEdge: "#b9b4a8",
    path: "#8b7f64",
    rail: "#77748a",
    shadow: "#4a4a3c",
    highlight: "#ffffff",
    hills: 0.45,
    heights: ["#b9d8b0", "#d8e3ae", "#efe3ab", "#e3c79a", "#d6c4b8", "#ffffff"],
  },
  sun: {
    text: "#000",
    dim: "#1f1f1f",
    gone: "#444",
    fire: "#8a2b00",
    smoke: "#2f3a47",
    air: "#00455f",
    patrol: "#1a2c8c",
    tip: "#56178a",
    ok: "#004a26",
    warn: "#553600",
    bad: "#8f0008",
    halo: "#ffffff",
    sea: "#dcebf5",
    land: "#ffffff",
    water: "#bcdcf2",
    border: "#444444",
    minor: "#ececec",
    major: "#cfcfcf",
    wood: "#d9ecd0",
    grass: "#eef6e8",
    built: "#f3f1ec",
    building: "#d0d0d0",
    buildingEdge: "#303030",
    motorway: "#b86e00",
    mainRoad: "#8a7a50",
    smallRoad: "#8f8f8f",
    roadEdge: "#ffffff",
    path: "#6f5f3a",
    rail: "#4a4a4a",
    shadow: "#303030",
    highlight: "#ffffff",
    hills: 0.3,
    heights: ["#cfe8c6", "#e6efc4", "#f7edc2", "#efd8b4", "#e6d8cf", "#ffffff"],
  },
};
