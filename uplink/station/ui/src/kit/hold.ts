// Hold to confirm: what a press, its end and the clock make of a button. Pure; HoldButton.svelte is its shell.
//
//   idle ──press──▶ holding ──after HOLD_MS──▶ taken ──release──▶ idle
//                      └──release before──▶ idle, and the hint is shown

export const HOLD_MS = 900;

export type Hold =
  | { readonly at: "idle" }
  | { readonly at: "holding"; readonly sinceMs: number }
  | { readonly at: "taken" };

export const IDLE: Hold = { at: "idle" };

export function pressed(hold: Hold, nowMs: number): Hold {
  return hold.at === "idle" ? { at: "holding", sinceMs: nowMs } : hold;
}

/** Whether it has been held for long enough by now. */
export function elapsed(hold: Hold, nowMs: number): Hold {
  return hold.at === "holding" && nowMs - hold.sinceMs >= HOLD_MS ? { at: "taken" } : hold;
}

/** `early`: it was let go too soon, and whoever did may not know that it has to be held. */
export function released(hold: Hold): { hold: Hold; early: boolean } {
  return { hold: IDLE, early: hold.at === "holding" };
}
