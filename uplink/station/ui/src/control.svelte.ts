// Control as this page has it: the leases that we hold and keep, and the orders that we send.

import type { OrderKind } from "./messages.ts";
import { renews } from "./permits.ts";
import type { OrderWish } from "./aircraft/wish.ts";
import type { Refusal, Session } from "./session.svelte.ts";
import type { LeaseState, LoggedOrder } from "./station.ts";

const RENEW_EVERY_MS = 10_000;

export class Control {
  #session: Session;
  #usedAt = Date.now();

  constructor(session: Session) {
    this.#session = session;
  }

  start(leases: () => Readonly<Record<string, LeaseState>>): () => void {
    const used = (): void => {
      this.#usedAt = Date.now();
    };
    addEventListener("pointerdown", used);
    addEventListener("keydown", used);
    const keeping = setInterval(() => {
      const idle = Date.now() - this.#usedAt;
      for (const lease of Object.values(leases())) {
        if (renews(lease, this.#session.state, idle)) void this.#session.ask("PUT", leasePath(lease.drone_id), {}, true);
      }
    }, RENEW_EVERY_MS);
    return () => {
      clearInterval(keeping);
      removeEventListener("pointerdown", used);
      removeEventListener("keydown", used);
    };
  }

  take(droneId: string): Promise<boolean> {
    return this.#session.ask("POST", leasePath(droneId));
  }

  /** Somebody has it: being refused is what asking looks like. */
  askFor(droneId: string): Promise<boolean> {
    return this.#session.ask("POST", leasePath(droneId), undefined, true);
  }

  handOver(droneId: string): Promise<boolean> {
    return this.#session.ask("PUT", leasePath(droneId), { hand_over: true });
  }

  release(droneId: string): Promise<boolean> {
    return this.#session.ask("DELETE", leasePath(droneId));
  }

  order(droneId: string, kind: OrderKind, alertId: string | null = null): Promise<boolean> {
    return this.#session.ask("POST", `drones/${droneId}/orders`, { kind, alert_id: alertId });
  }

  /** One of those that say where, how high or how far. */
  send(droneId: string, wish: OrderWish): Promise<boolean> {
    return this.#session.ask("POST", `drones/${droneId}/orders`, wish);
  }

  /** Whether the drone would do that: an order that flies nothing. */
  check(droneId: string, wish: OrderWish): Promise<LoggedOrder | Refusal> {
    return this.#session.request<LoggedOrder>("POST", `drones/${droneId}/orders`, { ...wish, only_check: true });
  }

  sendTo(droneId: string, tipId: string): Promise<boolean> {
    return this.#session.ask("POST", `drones/${droneId}/orders`, { kind: "look at", tip_id: tipId });
  }

  standDown(): Promise<boolean> {
    return this.#session.ask("POST", "stand-down");
  }
}

function leasePath(droneId: string): string {
  return `drones/${droneId}/lease`;
}
