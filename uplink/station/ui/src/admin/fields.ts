// Whether what is written into a form can be taken. Pure; the station looks again.

const NAME = /^[^.\s/\\\p{Cc}\p{Cf}][^\s/\\\p{Cc}\p{Cf}]{0,63}$/u;
const DRONE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const LEAST_PASSWORD = 10;
const MADE_BYTES = 15;
const MOST_DAYS = 36_500;

export function isName(text: string): boolean {
  return NAME.test(text);
}

export function isDroneId(text: string): boolean {
  return DRONE.test(text);
}

/** Nothing written is taken too: then one is made. */
export function isPassword(text: string): boolean {
  return text === "" || text.length >= LEAST_PASSWORD;
}

/** 120 random bits, for somebody who will soon give another. */
export function newPassword(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(MADE_BYTES));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

export function daysOf(text: string): number | null {
  const days = Number(text.replace(",", "."));
  return text.trim() !== "" && days >= 1 && days <= MOST_DAYS ? days : null;
}
