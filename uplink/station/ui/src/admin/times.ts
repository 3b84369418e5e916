// Dates, times and sizes as admins write and read them. Pure.

const NONE = "–";
const STEPS = ["B", "kB", "MB", "GB", "TB"];

/** "2026-07-01 12:00 UTC". */
export function dateTime(iso: string): string {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? NONE : `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** For `<input type="datetime-local">`, in the time of this computer. */
export function toLocalInput(iso: string | null): string {
  if (iso === null) return "";
  const at = new Date(iso);
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}

/** Null where nothing, or no time, is written. */
export function fromLocalInput(written: string): string | null {
  const at = new Date(written); // without a zone it is the time of this computer
  return written === "" || Number.isNaN(at.getTime()) ? null : at.toISOString();
}

/** "+8", "−3:30"; of this computer, on the day of `at`: summer time is another one. */
export function offsetOf(at: Date): string {
  const minutes = -at.getTimezoneOffset();
  const [h, min] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${minutes < 0 ? "−" : "+"}${h}${min ? `:${String(min).padStart(2, "0")}` : ""}`;
}

/** "3.4 MB". */
export function size(bytes: number): string {
  let step = 0;
  let value = bytes;
  for (; value >= 999.5 && step < STEPS.length - 1; step++) value /= 1000;
  return `${value < 9.95 && step > 0 ? value.toFixed(1) : Math.round(value)} ${STEPS[step]}`;
}
