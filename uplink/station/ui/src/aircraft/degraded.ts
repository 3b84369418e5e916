// Why a drone that sees is not as it should be, in the reader's language, with what to do about it. Pure.

import type { Translate } from "../i18n.ts";
import type { DegradedReason } from "../messages.ts";

export function degradedWords({ kind, value }: DegradedReason, t: Translate): string {
  return t(`degraded.${kind}`, { n: kind === "slow" ? value.toFixed(1) : Math.round(value) });
}
