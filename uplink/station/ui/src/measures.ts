// Lengths, heights, speeds and areas as the user wants them. Nothing here rounds an error down.

import type { ErrorEllipse } from "./messages.ts";

export const UNITS = ["metric", "imperial"] as const;
export type Units = (typeof UNITS)[number];

const NONE = "–";
const M_PER_FT = 0.3048;
const M_PER_MILE = 1609.344;
const M_S_PER_MPH = 0.44704;
const M2_PER_ACRE = 4046.8564224;
const M2_PER_FT2 = M_PER_FT ** 2;

export interface Measures {
  /** Of something small or a height: "72 m", "236 ft". */
  height: (m: number | null, digits?: number) => string;
  /** Along the ground: "850 m", "2.31 km", "1.44 mi". */
  distance: (m: number | null) => string;
  /** "± 12 m": the semi-major axis, rounded up. */
  plusMinus: (ellipse: ErrorEllipse) => string;
  /** The same of one length. */
  error: (m: number) => string;
  /** "120 ± 40 m²": two digits of the error, no more of the value than it bears. */
  area: (m2: number, sigmaM2: number | null) => string;
  /** Of ground that is looked at or searched: "850 m²", "12.4 ha", "31 ac". */
  ground: (m2: number) => string;
  speed: (mPerS: number | null) => string;
  temperature: (celsius: number) => string;
  /** Of what is typed: "m" or "ft", and from it to metres and back. */
  unit: string;
  metres: (value: number) => number;
  inUnit: (m: number) => number;
}

export function measuresIn(units: Units): Measures {
  const [unit, m] = units === "metric" ? (["m", 1] as const) : (["ft", M_PER_FT] as const);
  const [far, farM] = units === "metric" ? (["km", 1000] as const) : (["mi", M_PER_MILE] as const);
  const [fast, mPerS] = units === "metric" ? (["m/s", 1] as const) : (["mph", M_S_PER_MPH] as const);
  const [wide, m2] = units === "metric" ? (["m²", 1] as const) : (["ft²", M2_PER_FT2] as const);
  const error = (length: number): string => {
    if (length >= farM) return `± ${roundedUp(length / farM, 1)} ${far}`;
    const inUnits = length / m;
    return `± ${roundedUp(inUnits, inUnits >= 10 ? 0 : 1)} ${unit}`;
  };
  return {
    error,
    height: (value, digits = 0) => (value === null ? NONE : `${(value / m).toFixed(digits)} ${unit}`),
    distance: (value) =>
      value === null ? NONE
      : value < farM ? `${Math.round(value / m)} ${unit}`
      : `${(value / farM).toFixed(2)} ${far}`,
    plusMinus: ({ semi_major_m }) => error(semi_major_m),
    area: (value, sigma) => {
      if (sigma === null || sigma <= 0) return `${Math.round(value / m2)} ${wide}`;
      const step = 10 ** Math.max(0, Math.floor(Math.log10(sigma / m2)) - 1);
      return `${Math.round(value / m2 / step) * step} ± ${Math.ceil(sigma / m2 / step) * step} ${wide}`;
    },
    ground: (value) => {
      const [large, largeM2, from] = units === "metric" ? (["ha", 10_000, 1] as const) : (["ac", M2_PER_ACRE, 0.1] as const);
      if (value >= 100 * largeM2 && units === "metric") return `${(value / 1e6).toFixed(2)} km²`;
      return value >= from * largeM2 ? `${(value / largeM2).toFixed(1)} ${large}` : `${Math.round(value / m2)} ${wide}`;
    },
    temperature: (celsius) =>
      units === "metric" ? `${Math.round(celsius)} °C` : `${Math.round(celsius * 1.8 + 32)} °F`,
    unit,
    metres: (value) => value * m,
    inUnit: (value) => value / m,
    speed: (value) => (value === null ? NONE : `${(value / mPerS).toFixed(1)} ${fast}`),
  };
}

function roundedUp(value: number, digits: number): string {
  const step = 10 ** digits;
  return (Math.ceil(value * step) / step).toFixed(digits);
}
