// Times of a flight on the wall's clock, with the zone named. A flight over midnight says so. Pure.

const DAY_MS = 86_400_000;

export interface WallClock {
  /** "23:58:04". */
  readonly time: (ms: number) => string;
  /** "23:58". */
  readonly short: (ms: number) => string;
  /** "2026-07-01", in every language. */
  readonly day: (ms: number) => string;
  /** "Asia/Shanghai (UTC+8)". */
  readonly zone: (ms: number) => string;
  /** "2026-07-01 23:40 – 00:12 (+1)": where it ends on another day, how many days later. */
  readonly span: (fromMs: number, toMs: number) => string;
  /** Every midnight within. */
  readonly midnights: (fromMs: number, toMs: number) => number[];
}

export function wallClock(timeZone: string): WallClock {
  // Swedish is written as ISO 8601 is.
  const parts = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat =>
    new Intl.DateTimeFormat("sv-SE", { timeZone, ...options });
  const time = parts({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const short = parts({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = parts({ year: "numeric", month: "2-digit", day: "2-digit" });
  const offset = new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset" });
  const dayOf = (ms: number): string => day.format(ms);
  return {
    time: (ms) => time.format(ms),
    short: (ms) => short.format(ms),
    day: dayOf,
    zone: (ms) => {
      const name = offset.formatToParts(ms).find(({ type }) => type === "timeZoneName")?.value ?? "";
      return `${timeZone} (${name === "GMT" ? "UTC" : name.replace("GMT", "UTC")})`;
    },
    span: (fromMs, toMs) => {
      const later = Math.round((Date.parse(dayOf(toMs)) - Date.parse(dayOf(fromMs))) / DAY_MS);
      const end = later > 0 ? `${short.format(toMs)} (+${later})` : short.format(toMs);
      return `${dayOf(fromMs)} ${short.format(fromMs)} – ${end}`;
    },
    midnights: (fromMs, toMs) => {
      const found: number[] = [];
      let at = fromMs;
      while (found.length < 31 && dayOf(at) !== dayOf(toMs)) {
        at = nextDay(at, dayOf);
        found.push(at);
      }
      return found;
    },
  };
}

export function ownZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

/** The first instant of the next day, to the second: days with 23 and 25 hours too. */
function nextDay(fromMs: number, dayOf: (ms: number) => string): number {
  const today = dayOf(fromMs);
  let [low, high] = [fromMs, fromMs + 1.1 * DAY_MS];
  while (high - low > 500) {
    const middle = (low + high) / 2;
    if (dayOf(middle) === today) low = middle;
    else high = middle;
  }
  return Math.round(high / 1000) * 1000;
}
