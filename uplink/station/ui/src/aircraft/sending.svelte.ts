// The sheet in which a drone is sent somewhere: whether it is open, and about which place.

import type { ErrorEllipse, Position } from "../messages.ts";
import type { SendKind } from "./wish.ts";

export interface Sending {
  readonly kind: SendKind;
  /** Null: it is typed, or only the height changes. */
  readonly place: Position | null;
  readonly ellipse: ErrorEllipse | null;
}

class SendingState {
  now = $state.raw<Sending | null>(null);

  open(kind: SendKind, place: Position | null = null, ellipse: ErrorEllipse | null = null): void {
    this.now = { kind, place, ellipse };
  }

  close(): void {
    this.now = null;
  }
}

export const sending = new SendingState();
